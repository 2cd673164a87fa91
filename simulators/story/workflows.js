/**
 * The three workflows that the service exists for, each as something that a person does and what all platforms then
 * hold. A cast gives the names and amounts, so the same workflow can be played again with others.
 *
 * @typedef {object} Cast
 * @property {{name: string, email: string, phone: string}} person
 * @property {{name: string, priceUsd: number, inventory: number}} product
 * @property {{name: string, budget: number, clicks: number}} campaign
 * @property {number} quantity  how many of the product are ordered
 *
 * @typedef {import('./stage.js').Stage} Stage
 */

/** What the shipped rate table says. Whole dollars convert both ways without rounding. */
const kRupeesPerDollar = 83;

/** Real-time user sync. @param {Stage} stage @param {Cast} cast */
export async function userSignsUpInBizoholic(stage, { person }) {
  stage.say(`${person.name} signs up in Bizoholic`);
  await stage.act('bizoholic', 'create', 'user', {
    full_name: person.name, email_address: person.email, phone_number: person.phone,
  });
  const { name, email, phone } = person;
  await stage.agree('user', (user) => user.email === email, {
    bizoholic: { name, email, phone }, coreldove: { name, email, phone }, bizosaas: { name, email, phone },
  });
}

/**
 * E-commerce order processing. The customer is the one who signed up in Bizoholic; the shop has to know them by then.
 *
 * @param {Stage} stage
 * @param {Cast} cast
 */
export async function orderIsPlacedInCoreldove(stage, { person, product, quantity }) {
  const { name, priceUsd, inventory } = product;
  stage.say(`CoreLDove puts "${name}" on sale`);
  const { id: productId } = await stage.act('coreldove', 'create', 'product', {
    product_name: name, product_price: priceUsd * kRupeesPerDollar, product_inventory: inventory,
  });
  const inRupees = { name, price: priceUsd * kRupeesPerDollar, currency: 'INR', inventory };
  await stage.agree('product', (held) => held.name === name, {
    coreldove: inRupees, bizoholic: { name, price: priceUsd, currency: 'USD', inventory }, bizosaas: inRupees,
  });

  stage.say(`${person.name} orders ${quantity} of them`);
  const { event } = await stage.act('coreldove', 'create', 'order', {
    customer_email: person.email, order_items: [{ product_id: productId, quantity }],
  });
  const number = event.data.order_number;
  const dollars = priceUsd * quantity;
  const common = { order_number: number, status: 'unfulfilled', customer_email: person.email };
  const orderInRupees = { ...common, total_amount: dollars * kRupeesPerDollar, currency: 'INR' };
  await stage.agree('order', (order) => order.order_number === number, {
    coreldove: orderInRupees,
    bizoholic: { ...common, total_amount: dollars, currency: 'USD' },
    bizosaas: orderInRupees,
  });
}

/** Campaign performance sync. CoreLDove knows no campaigns. @param {Stage} stage @param {Cast} cast */
export async function campaignIsUpdatedInBizoholic(stage, { campaign }) {
  const { name, budget, clicks } = campaign;
  stage.say(`Bizoholic starts the campaign "${name}"`);
  const { id } = await stage.act('bizoholic', 'create', 'campaign', {
    campaign_name: name, campaign_budget: budget, campaign_status: 'active', clicks: 0,
  });
  const started = { name, budget, status: 'active', clicks: 0 };
  await stage.agree('campaign', (held) => held.name === name, { bizoholic: started, bizosaas: started });

  stage.say(`Bizoholic counts ${clicks} clicks`);
  await stage.act('bizoholic', 'update', 'campaign', { campaign_id: id, clicks });
  const counted = { ...started, clicks };
  await stage.agree('campaign', (held) => held.name === name, { bizoholic: counted, bizosaas: counted });
}

/** A variation: the change comes from the shop, by own id. @param {Stage} stage @param {Cast} cast */
export async function customerChangesPhoneInCoreldove(stage, { person }) {
  const phone = `${person.phone}0`;
  stage.say(`${person.name} gives CoreLDove a new phone number`);
  const isPerson = (user) => user.email === person.email;
  const { coreldove } = await stage.agree('user', isPerson, { coreldove: { email: person.email } });
  await stage.act('coreldove', 'update', 'user', { customer_id: coreldove.id, customer_phone: phone });
  const expected = { name: person.name, phone };
  await stage.agree('user', isPerson, { bizoholic: expected, coreldove: expected, bizosaas: expected });
}

export const workflows = [userSignsUpInBizoholic, orderIsPlacedInCoreldove, campaignIsUpdatedInBizoholic];
export const variations = [...workflows, customerChangesPhoneInCoreldove];
