import { plain, statelessPlain } from './description.js';

/** The AI marketing platform. @type {import('./description.js').PlatformDescription} */
export const bizoholic = {
  name: 'bizoholic',
  idPrefix: 'bz',
  entities: {
    user: {
      id: 'user_id',
      naturalKey: 'email_address',
      canonical: { full_name: 'name', email_address: 'email', phone_number: 'phone' },
    },
    lead: {
      id: 'lead_id',
      canonical: {
        contact_name: 'name', contact_email: 'email', lead_score: 'score', lead_status: 'status',
      },
    },
    campaign: {
      id: 'campaign_id',
      canonical: { campaign_name: 'name', campaign_budget: 'budget', campaign_status: 'status' },
    },
    product: plain,
    order: plain,
    tenant: plain,
    analytics: statelessPlain,
  },
};
