const kPeople = ['Priya Sharma', 'Ada Lovelace', 'Grace Hopper', 'Katherine Johnson', 'Hedy Lamarr', 'Anita Borg'];
const kGoods = ['Darjeeling tea', 'Brass lamp', 'Silk scarf', 'Clay teapot', 'Sandalwood box'];
const kOccasions = ['Diwali', 'Spring', 'Monsoon', 'New Year'];

/**
 * Who and what plays in a round: others in every round, and the same in each telling of it.
 *
 * @param {number} round  from 0
 * @param {string} telling  keeps the names of one telling apart from another's
 * @returns {import('./workflows.js').Cast}
 */
export function castOf(round, telling) {
  const pick = (list) => list[round % list.length];
  const mark = `${telling}-${round + 1}`;
  const name = pick(kPeople);
  return {
    person: {
      name,
      email: `${name.toLowerCase().replace(' ', '.')}.${mark}@example.com`,
      phone: `+91 98${String(10_000_000 + round)}`,
    },
    product: { name: `${pick(kGoods)} ${mark}`, priceUsd: 10 + (round % 7), inventory: 20 + round },
    campaign: { name: `${pick(kOccasions)} ${mark}`, budget: 500 + 50 * (round % 5), clicks: 100 + round },
    quantity: 1 + (round % 3),
  };
}
