#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/event_draft.h"
#include "cli/event_view.h"
#include "cli/service_client.h"
#include "domain/event.h"

namespace datasync::cli {
namespace {

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1'000};

class Send final : public Command {
 public:
  std::string name() const override { return "send"; }
  std::string summary() const override { return "Send an event; its id comes on standard output"; }
  std::vector<Example> examples() const override {
    return {
        {"data-sync send user_created --tenant acme --from bizoholic --to coreldove,bizosaas "
         "id=42 email=ada@example.com name='Ada Lovelace'",
         "a new customer"},
        {"data-sync send order_updated --tenant acme --from coreldove --to bizosaas id=7 total_amount:=19.90 --wait",
         "and wait until the others have it; 1 if one of them has not"},
        {"data-sync send --file event.json --tenant other", "what a file says, for another tenant"},
        {"data-sync send --file - --preview", "what each platform would get, with nothing stored or sent"}};
  }
  void declare(Options& options) override {
    draft_.declare(options);
    options.flag("-w,--wait", wait_, "Wait until every target is done, and show how each took it");
    options.integer("--timeout", timeout_seconds_, 1, 86400, "How long to wait, in seconds [30]");
    options.flag("--preview", preview_, "Store and send nothing; show what each platform would get");
    service_.declare(options);
  }
  int run(Session& session) override;

 private:
  int preview(Session& session, ServiceClient& client, const Fields& event) const;
  int wait(Session& session, ServiceClient& client, const std::string& id, const std::string& tenant) const;

  ServiceOptions service_;
  EventDraft draft_;
  std::optional<std::int64_t> timeout_seconds_;
  bool wait_ = false;
  bool preview_ = false;
};

int Send::run(Session& session) {
  auto address = service_address(session, service_);
  if (!address) return report(session, address.error());
  const auto event = draft_.build(session);
  if (!event) {
    say_error(session.terminal, event.error().message);
    return kExitUsage;
  }
  ServiceClient client(*std::move(address));
  if (preview_) return preview(session, client, *event);
  const auto answer = client.call_for_object(net::Method::kPost, "/sync/events", event->to_json());
  if (!answer) return report(session, answer.error());
  const auto id = id_of(*answer);
  if (service_.json && !wait_) {
    session.terminal.out << answer->to_json() << '\n';
  } else if (!service_.json) {
    session.terminal.out << printable(id) << std::endl;  // a script may read it while we wait
    if (text_of(*answer, "status") == "duplicate") session.terminal.err << "it had been sent before; it counts once\n";
  }
  return wait_ ? wait(session, client, id, text_of(*event, "tenant_id")) : kExitOk;
}

int Send::preview(Session& session, ServiceClient& client, const Fields& event) const {
  const auto answer = client.call(net::Method::kPost, "/sync/preview", event.to_json());
  if (!answer) return report(session, answer.error());
  session.terminal.out << answer->body << '\n';
  return kExitOk;
}

int Send::wait(Session& session, ServiceClient& client, const std::string& id, const std::string& tenant) const {
  const auto deadline = session.clock.steady_now() + seconds{timeout_seconds_.value_or(30)};
  milliseconds pause = kFirstPause;
  for (;;) {
    const auto answer = client.call_for_object(net::Method::kGet, event_target(id, tenant));
    if (!answer) return report(session, answer.error());
    const auto status = text_of(*answer, "status");
    const auto known = parse_event_status(status);
    // Nothing more happens by itself to what waits for a person.
    const bool over = known && (is_final(*known) || *known == EventStatus::kReview);
    const bool late = session.clock.steady_now() >= deadline;
    if (over || late) {
      if (service_.json) {
        session.terminal.out << answer->to_json() << '\n';
      } else {
        print_results(session.terminal, *answer);
        const auto message = text_of(*answer, "error_message");
        if (!message.empty()) session.terminal.err << printable(message) << '\n';
      }
      if (late && !over) {
        say_error(session.terminal,
                  fmt::format("still {} when the time was over; `data-sync events show {}` tells how it "
                              "goes on",
                              status, id));
      }
      return status == "completed" ? kExitOk : kExitFailed;
    }
    session.wait(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace

std::unique_ptr<Command> make_send() {
  return std::make_unique<Send>();
}

}  // namespace datasync::cli
