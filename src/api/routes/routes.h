#pragma once

#include "api/call.h"
#include "api/services.h"

/// The handlers of all routes; `router.cc` says which path each one serves. One file per resource.
namespace datasync::api::routes {

// event_create.cc
void create_event(Services& services, Call call);
// event_batch.cc
void create_events(Services& services, Call call);
// event_read.cc
net::HttpResponse list_events(Services& services, const Call& call, storage::Reader& reader);
net::HttpResponse get_event(Services& services, const Call& call, storage::Reader& reader);
// event_retry.cc
void retry_event(Services& services, Call call);
void retry_events(Services& services, Call call);
// event_undo.cc
void undo_event(Services& services, Call call);
// users.cc
void upsert_user(Services& services, Call call);
net::HttpResponse get_user(Services& services, const Call& call, storage::Reader& reader);
// records.cc
net::HttpResponse get_record(Services& services, const Call& call, storage::Reader& reader);
// record_merge.cc
void merge_records(Services& services, Call call);
void split_records(Services& services, Call call);
// conflicts.cc
net::HttpResponse list_conflicts(Services& services, const Call& call, storage::Reader& reader);
net::HttpResponse get_conflict(Services& services, const Call& call, storage::Reader& reader);
// conflict_assign.cc
void assign_conflict(Services& services, Call call);
// conflict_resolve.cc
void resolve_conflict(Services& services, Call call);
// conflict_resolve_many.cc
void resolve_conflicts(Services& services, Call call);
// verification.cc
void get_verification(Services& services, Call call);
void confirm_verification(Services& services, Call call);
void decline_verification(Services& services, Call call);
// preview.cc
net::HttpResponse preview_event(Services& services, const Call& call, storage::Reader& reader);
// status.cc
void status(Services& services, Call call);
net::HttpResponse metrics(Services& services, const Call& call, storage::Reader& reader);
// prometheus.cc
void prometheus(Services& services, Call call);
// live.cc
void live_updates(Services& services, Call call);
// pages.cc
void root(Services& services, Call call);
void openapi(Services& services, Call call);
void docs(Services& services, Call call);
void live_page(Services& services, Call call);
void live_page_file(Services& services, Call call);
// health.cc
void health(Services& services, Call call);
void livez(Services& services, Call call);
void readyz(Services& services, Call call);

}  // namespace datasync::api::routes
