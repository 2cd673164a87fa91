#include <ostream>

#include "cli/commands/commands.h"
#include "cli/event_view.h"
#include "cli/service_client.h"

namespace datasync::cli {
namespace {

class EventsShow final : public Command {
 public:
  std::string name() const override { return "events show"; }
  std::string summary() const override { return "Show one event and how each target took it"; }
  std::vector<Example> examples() const override {
    return {{"data-sync events show 0198f3c2-7a41-7cc3-9d53-2f0b8f6f4e11", "its data, too: --json"}};
  }
  void declare(Options& options) override {
    options.positional("EVENT", id_, true, "Id of the event");
    options.text("-t,--tenant", tenant_, "Its tenant, where an id alone is ambiguous");
    service_.declare(options);
  }
  int run(Session& session) override {
    auto address = service_address(session, service_);
    if (!address) return report(session, address.error());
    ServiceClient client(*std::move(address));
    const auto answer = client.call_for_object(net::Method::kGet, event_target(id_, tenant_));
    if (!answer) return report(session, answer.error());
    if (service_.json) {
      session.terminal.out << answer->to_json() << '\n';
      return kExitOk;
    }
    print_event(session.terminal, *answer);
    session.terminal.out << '\n';
    print_results(session.terminal, *answer);
    return kExitOk;
  }

 private:
  ServiceOptions service_;
  std::string id_, tenant_;
};

}  // namespace

std::unique_ptr<Command> make_events_show() {
  return std::make_unique<EventsShow>();
}

}  // namespace datasync::cli
