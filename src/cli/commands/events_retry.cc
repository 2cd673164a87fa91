#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/commands/event_filter.h"
#include "cli/event_view.h"
#include "cli/service_client.h"

namespace datasync::cli {
namespace {

class EventsRetry final : public Command {
 public:
  std::string name() const override { return "events retry"; }
  std::string summary() const override {
    return "Try failed events again: some by their ids, or all that fit a filter";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync events retry 0198f3c2-7a41-7cc3-9d53-2f0b8f6f4e11", "one"},
            {"data-sync events retry --status failed --since 1d", "the dead letters of the last day"}};
  }
  void declare(Options& options) override {
    options.positionals("EVENT", ids_, false, "Ids of events");
    service_.declare(options);
    filter_.declare(options);
    options.flag("--all", all_, "Everything that failed or waits for a retry, without a filter");
  }
  int run(Session& session) override;

 private:
  int retry_each(Session& session, ServiceClient& client) const;
  int retry_matching(Session& session, ServiceClient& client, const EventFilter::Pairs& pairs) const;

  ServiceOptions service_;
  EventFilter filter_;
  std::vector<std::string> ids_;
  bool all_ = false;
};

int EventsRetry::run(Session& session) {
  auto address = service_address(session, service_);
  if (!address) return report(session, address.error());
  const auto pairs = filter_.pairs(session);
  if (!pairs) {
    say_error(session.terminal, pairs.error().message);
    return kExitUsage;
  }
  // The tenant says which event an id means; the other filters choose, as ids do.
  const bool filtered = std::any_of(pairs->begin(), pairs->end(),
                                    [](const auto& pair) { return pair.first != "tenant_id" && !pair.second.empty(); });
  const bool only_tenant = ids_.empty() && !filtered && !all_ && !filter_.tenant.empty();
  if ((ids_.empty() ? 0 : 1) + (filtered || only_tenant ? 1 : 0) + (all_ ? 1 : 0) != 1) {
    say_error(session.terminal,
              "name events by their ids, or filter them (--status failed), or say --all; one of these");
    return kExitUsage;
  }
  ServiceClient client(*std::move(address));
  return ids_.empty() ? retry_matching(session, client, *pairs) : retry_each(session, client);
}

int EventsRetry::retry_each(Session& session, ServiceClient& client) const {
  int exit_code = kExitOk;
  for (const auto& id : ids_) {
    const auto answer = client.call_for_object(net::Method::kPost, event_target(id, filter_.tenant, "/retry"));
    if (!answer) {
      exit_code = report(session, {answer.error().code, id + ": " + answer.error().message});
      if (exit_code == kExitUnavailable) return exit_code;  // the others would fare no better
    } else if (service_.json) {
      session.terminal.out << answer->to_json() << '\n';
    } else {
      session.terminal.out << printable(id) << "  is tried again\n";
    }
  }
  return exit_code;
}

int EventsRetry::retry_matching(Session& session, ServiceClient& client, const EventFilter::Pairs& pairs) const {
  Fields body;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) body.set(name, Value::string(value));
  }
  const auto answer = client.call_for_object(net::Method::kPost, "/sync/events/retry", body.to_json());
  if (!answer) return report(session, answer.error());
  if (service_.json) {
    session.terminal.out << answer->to_json() << '\n';
  } else {
    session.terminal.out << fmt::format("{} events fit, {} are tried again\n", printable(text_of(*answer, "matched")),
                                        printable(text_of(*answer, "queued")));
  }
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_events_retry() {
  return std::make_unique<EventsRetry>();
}

}  // namespace datasync::cli
