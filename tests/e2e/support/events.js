/** Events as platforms send them; every field can be overridden. */

const kOthers = {
  bizoholic: ['coreldove', 'bizosaas'], coreldove: ['bizoholic', 'bizosaas'], bizosaas: ['bizoholic', 'coreldove'],
};

/** @param {string} source @param {string} type @param {string} tenant @param {object} data @param {object} [more] */
export function event(source, type, tenant, data, more = {}) {
  return { event_type: type, source_platform: source, target_platforms: kOthers[source], tenant_id: tenant, data, ...more };
}

/** A user who signed up at bizoholic. */
export function newUser(tenant, data = {}, more = {}) {
  const filled = {
    user_id: 'bz-1', full_name: 'Asha Raman', email_address: 'asha@example.com', phone_number: '+91 80 5550 0100', ...data,
  };
  return event('bizoholic', 'user_created', tenant, filled, more);
}

/** Changed fields of the same user. */
export function changedUser(tenant, data, more = {}) {
  return event('bizoholic', 'user_updated', tenant, { user_id: 'bz-1', ...data }, more);
}

/** A lead at bizoholic; CoreLDove knows none. */
export function newLead(tenant, data = {}, more = {}) {
  const filled = { lead_id: 'lead-1', contact_name: 'Ravi', contact_email: 'ravi@example.com', lead_score: 40, ...data };
  return event('bizoholic', 'lead_created', tenant, filled, { target_platforms: ['bizosaas'], ...more });
}
