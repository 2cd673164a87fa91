export const name = 'duplicate-storm';
export const line = 'Each event is sent five times at once over several connections, and once more with other content; it is one event.';

const kCopies = 5;
const kStormEvents = 20;
const kExpected = [...Array(kCopies - 1).fill(200), 201, 409, 200];

export async function run(stage) {
  const service = stage.service(await stage.platforms());
  await service.start();
  const answers = { 200: 0, 201: 0, 409: 0 };
  await stage.underLoad(() => [service.url], async () => {
    const own = stage.other();
    while (stage.goesOn) await stage.fault('a storm', () => storm(stage, service, own, answers), { countedFrom: 'end' });
  });
  stage.note = `answers: ${answers[201]} created, ${answers[200]} duplicate, ${answers[409]} conflict`;
}

/** New events come five times each, and then once more with other content, and so does an old one of some client. */
async function storm(stage, service, own, answers) {
  const first = stage.faults * kStormEvents;
  await Promise.all(Array.from({ length: kStormEvents }, async (_, i) => {
    const number = 3 * (first + i) + 1; // each of them makes a record, so they need no order
    const change = own.changeOf(number);
    const begun = performance.now();
    const copies = await Promise.all(Array.from({ length: kCopies }, () => post(service, change)));
    own.told.push({ change, number, begun_ms: begun, answered_ms: performance.now() });
    const other = { ...change, data: { ...change.data, contact_email: 'somebody@example.com' } };
    const statuses = [...copies.sort(), await post(service, other), await post(service, stage.random.pick(stage.acknowledgedEvents))];
    if (String(statuses) !== String(kExpected)) throw new Error(`${change.id} was answered ${statuses}, not ${kExpected}`);
    for (const status of statuses) answers[status] += 1;
  }));
}

async function post(service, event) {
  const answer = await fetch(`${service.url}/sync/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) });
  await answer.arrayBuffer();
  return answer.status;
}
