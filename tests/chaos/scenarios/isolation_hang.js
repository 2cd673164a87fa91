import { Client } from '../clients.js';
import { goFirst, measure } from '../isolation.js';
import { Pacer } from '../pacer.js';

export const name = 'isolation-hang';
export const line = 'One of three targets hangs: how much later are the others told, in turns with calm spells on the same process?';
export const isLong = true;

const kClients = 10;
const kPerSecond = 200;
const kSpellSeconds = 1;
const kHangs = 'coreldove';

/** Half of them speak for bizoholic, half for bizosaas, and all have the one that hangs and the other one for targets. */
class UserClient extends Client {
  changeOf(next) {
    const [source, target] = this.name.endsWith('1') || this.name.endsWith('3') ? ['bizoholic', 'bizosaas'] : ['bizosaas', 'bizoholic'];
    const record = `${this.name}-r${next}`;
    return {
      event_type: 'user_created', source_platform: source, target_platforms: [kHangs, target], tenant_id: this.tenant, id: `${this.tenant}-${next}`,
      data: { id: record, email: `${record}@example.com`, name: `Asha ${record} n${next}` },
    };
  }
}

export async function run(stage) {
  goFirst(stage);
  const service = stage.service(await stage.platformsApart());
  await service.start();
  const pacer = new Pacer(service.url, Array.from({ length: kClients }, () => stage.other(UserClient)));
  stage.defer(() => pacer.stop());
  const others = ['bizoholic', 'bizosaas'];
  await measure(stage, {
    spell: async () => stage.delivered(others, await pacer.run(kPerSecond, kSpellSeconds), pacer.sentAt),
    begin: () => stage.misbehave(kHangs, { hang: true }),
    end: () => stage.behave(kHangs),
  });
  if (pacer.refused.length > 0) throw new Error(`an event was refused: ${pacer.refused[0]}`);
  await stage.settle();
}
