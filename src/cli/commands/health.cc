#include <ostream>

#include "cli/commands/commands.h"
#include "cli/service_client.h"
#include "domain/json.h"

namespace datasync::cli {
namespace {

class Health final : public Command {
 public:
  std::string name() const override { return "health"; }
  std::string summary() const override { return "Ask whether the service takes events; for probes, needs no token"; }
  std::string notes() const override {
    return "0 while it takes events, though a platform may be unwell: what that lacks is kept for it. Else 69.";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync health", "the health check of a container, which has no curl"}};
  }
  void declare(Options& options) override { service_.declare(options); }
  int run(Session& session) override;

 private:
  ServiceOptions service_;
};

int Health::run(Session& session) {
  auto address = service_address(session, service_);
  if (!address) return report(session, address.error());
  const std::string url = address->url;
  ServiceClient client(*std::move(address));
  const auto health = client.call_for_object(net::Method::kGet, "/health");
  if (!health) return report(session, health.error());
  const std::string status = text_of(*health, "status");
  if (status != "healthy") {
    return report(session, {ErrorCode::kCorrupt, url + " does not say that it is healthy, as data-sync does"});
  }
  if (service_.json) {
    session.terminal.out << health->to_json() << '\n';
    return kExitOk;
  }
  Table table;
  table.add({{"service", Colour::kDim}, {status, Colour::kGreen}});
  if (const auto* services = health->find("services")) {
    for (const auto& [name, word] : members_of(*services)) {
      const std::string text = text_of(word);
      table.add({{name, Colour::kDim}, {text, text == "healthy" ? Colour::kGreen : Colour::kRed}});
    }
  }
  table.print(session.terminal);
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_health() {
  return std::make_unique<Health>();
}

}  // namespace datasync::cli
