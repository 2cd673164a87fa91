#include "pipeline/accept.h"

#include <algorithm>
#include <utility>

namespace datasync::pipeline {
namespace {

/// Ids live inside their tenant, also in a map that holds several tenants.
Hash128 with_tenant(Hash128 key, const TenantId& tenant) {
  const Hash128 salt = hash128(tenant.str());
  return {key.high ^ salt.high, key.low ^ salt.low};
}

/// The keys under which a client may send the same event again. None if it named none: such an event is always new.
std::vector<Hash128> client_keys(const Submission& submission) {
  std::vector<Hash128> keys;
  if (!submission.event->id.empty()) keys.push_back(storage::event_key_of(submission.event->id.str()));
  if (!submission.idempotency_key.empty()) keys.push_back(storage::event_key_of(submission.idempotency_key));
  if (keys.size() == 2 && keys[0] == keys[1]) keys.pop_back();
  return keys;
}

}  // namespace

std::vector<Receipt> Acceptor::accept(Window& window, std::span<Submission> submissions) {
  std::vector<Receipt> receipts;
  receipts.reserve(submissions.size());
  for (Submission& submission : submissions) {
    const std::vector<Hash128> keys = client_keys(submission);
    const Hash128 content = keys.empty() ? Hash128{} : content_hash_of(*submission.event);
    const Known* known = nullptr;
    for (const Hash128 key : keys) {
      const auto at = in_window_.find(with_tenant(key, submission.event->tenant));
      if (at != in_window_.end()) known = &at->second;
    }
    if (known != nullptr) {
      const bool same = known->content == content;
      receipts.push_back({same ? Receipt::Status::kDuplicate : Receipt::Status::kMismatch, known->id});
      continue;
    }
    add(window, submission, content);
    for (const Hash128 key : keys) {
      in_window_.emplace(with_tenant(key, submission.event->tenant), Known{submission.event->id, content});
    }
    receipts.push_back({Receipt::Status::kCreated, submission.event->id});
  }
  return receipts;
}

Result<void> Acceptor::look_up(std::span<const AcceptRequest> requests) {
  std::vector<storage::EventKey> wanted;
  for (const AcceptRequest& request : requests) {
    for (const Submission& submission : request.submissions) {
      for (const Hash128 key : client_keys(submission)) wanted.push_back({key, submission.event->tenant});
    }
  }
  if (wanted.empty()) return {};
  auto found = tools_.store.find_events(wanted);
  if (!found) return fail(std::move(found).error());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (auto& known = (*found)[i]) {
      in_window_.emplace(with_tenant(wanted[i].key, wanted[i].tenant), Known{std::move(known->id), known->content});
    }
  }
  return {};
}

void Acceptor::add(Window& window, Submission& submission, Hash128 content) {
  push(window, add(window, submission.event, client_keys(submission), content));
}

void Acceptor::accept_own(Window& window, std::shared_ptr<Event> event) {
  push(window, add(window, std::move(event), {}, {}));
}

void Acceptor::push(const Window& window, const Entry& entry) {
  const Event& event = *entry.event;
  bus_.push({event.sequence, event.order_key, event.priority(), event.tenant, window.steady});
}

Entry& Acceptor::admit(Window& window, std::shared_ptr<Event> event) {
  return add(window, std::move(event), {}, {});
}

Entry& Acceptor::add(Window& window, std::shared_ptr<Event> accepted, std::vector<Hash128> keys, Hash128 content) {
  // The store may have reserved others since.
  last_sequence_ = std::max(last_sequence_, tools_.store.last_sequence().value);
  Event& event = *accepted;
  if (event.id.empty()) {
    const Uuid uuid = tools_.uuids.next();
    event.id = EventId(format_uuid(uuid));
    keys.insert(keys.begin(), storage::event_key_of(event.id.str()));
  }
  event.sequence = Sequence{++last_sequence_};
  // Of what comes from a log, when it was accepted there.
  event.created_at = event.created_at == Timestamp{} ? window.now : std::min(event.created_at, window.now);

  Entry& entry = ledger_.add(accepted, EventState{});
  ledger_.mark_dirty(entry);
  window.batch.events.push_back({accepted, std::move(keys), content});
  if (window.wants_notices) window.notices.push_back({Notice::Kind::kEventCreated, accepted, {}, nullptr});
  return entry;
}

void Acceptor::clear() {
  in_window_.clear();
  last_sequence_ = 0;
}

}  // namespace datasync::pipeline
