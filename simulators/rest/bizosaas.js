import { plain, statelessPlain } from './description.js';

/** The unified backend behind the Brain gateway. @type {import('./description.js').PlatformDescription} */
export const bizosaas = {
  name: 'bizosaas',
  idPrefix: 'brain',
  entities: {
    user: {
      id: 'user_id',
      naturalKey: 'user_email',
      canonical: { user_name: 'name', user_email: 'email', user_phone: 'phone' },
    },
    tenant: {
      id: 'tenant_id',
      canonical: { tenant_name: 'name', subscription_tier: 'plan', tenant_status: 'status' },
    },
    lead: plain,
    campaign: plain,
    product: plain,
    order: plain,
    analytics: statelessPlain,
  },
};
