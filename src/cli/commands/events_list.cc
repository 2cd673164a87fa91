#include <ostream>

#include "cli/commands/commands.h"
#include "cli/commands/event_filter.h"
#include "cli/event_view.h"
#include "cli/service_client.h"
#include "domain/json.h"

namespace datasync::cli {
namespace {

class EventsList final : public Command {
 public:
  std::string name() const override { return "events list"; }
  std::string summary() const override { return "List events, newest first"; }
  std::vector<Example> examples() const override {
    return {{"data-sync events list --status failed --since 2h", "what failed lately"},
            {"data-sync events list --tenant acme --entity-id 42 --json", "all about one record, for a script"}};
  }
  void declare(Options& options) override {
    service_.declare(options);
    filter_.declare(options);
    options.integer("-n,--limit", limit_, 1, 1000, "How many, at most 1000 [50]");
    options.text("--cursor", cursor_, "Go on where the last list ended");
  }
  int run(Session& session) override;

 private:
  void print(const Terminal& terminal, const Fields& answer) const;

  ServiceOptions service_;
  EventFilter filter_;
  std::optional<std::int64_t> limit_;
  std::string cursor_;
};

int EventsList::run(Session& session) {
  auto address = service_address(session, service_);
  if (!address) return report(session, address.error());
  auto pairs = filter_.pairs(session);
  if (!pairs) {
    say_error(session.terminal, pairs.error().message);
    return kExitUsage;
  }
  pairs->emplace_back("limit", limit_ ? std::to_string(*limit_) : "");
  pairs->emplace_back("cursor", cursor_);
  ServiceClient client(*std::move(address));
  const auto answer = client.call_for_object(net::Method::kGet, with_query("/sync/events", *pairs));
  if (!answer) return report(session, answer.error());
  if (service_.json) {
    session.terminal.out << answer->to_json() << '\n';
  } else {
    print(session.terminal, *answer);
  }
  return kExitOk;
}

void EventsList::print(const Terminal& terminal, const Fields& answer) const {
  Table table({"EVENT", "CREATED", "STATUS", "TYPE", "FROM", "TO", "TENANT"});
  std::size_t shown = 0;
  const auto* events = answer.find("events");
  for (const auto& event : events == nullptr ? std::vector<Value>{} : elements_of(*events)) {
    const auto members = members_of(event);
    const auto status = text_of(members, "status");
    table.add({id_of(members),
               text_of(members, "created_at"),
               {status, colour_of_status(status)},
               text_of(members, "event_type"),
               text_of(members, "source_platform"),
               joined(members, "target_platforms"),
               text_of(members, "tenant_id")});
    ++shown;
  }
  if (table.empty()) {
    terminal.err << "no event fits\n";
    return;
  }
  table.print(terminal);
  const auto total = text_of(answer, "total");
  const auto next = text_of(answer, "next_cursor");
  if (total != std::to_string(shown) && !total.empty()) terminal.err << shown << " of " << total << " events\n";
  if (!next.empty()) terminal.err << "more: --cursor " << printable(next) << '\n';
}

}  // namespace

std::unique_ptr<Command> make_events_list() {
  return std::make_unique<EventsList>();
}

}  // namespace datasync::cli
