#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/event_view.h"
#include "cli/service_client.h"
#include "domain/json.h"

namespace datasync::cli {
namespace {

class Status final : public Command {
 public:
  std::string name() const override { return "status"; }
  std::string summary() const override { return "Show how the service stands: queues, deliveries, platforms"; }
  std::vector<Example> examples() const override {
    return {{"data-sync status --url http://sync.example.com:8025", "of a service elsewhere"}};
  }
  void declare(Options& options) override { service_.declare(options); }
  int run(Session& session) override;

 private:
  ServiceOptions service_;
};

std::string number_or_zero(const Fields& object, std::string_view name) {
  const auto text = text_of(object, name);
  return text.empty() ? "0" : text;
}

void print_totals(const Terminal& terminal, const Fields& status, bool active) {
  const auto* queues = status.find("queues");
  std::string split;
  for (const auto& name : {"critical", "high", "normal", "low"}) {
    if (queues == nullptr) break;
    split += fmt::format("{}{} {}", split.empty() ? " (" : ", ", name, number_or_zero(members_of(*queues), name));
  }
  if (!split.empty()) split += ")";
  Table table;
  table.add({{"engine", Colour::kDim}, {active ? "running" : "stopped", active ? Colour::kGreen : Colour::kRed}});
  table.add({{"queue", Colour::kDim}, number_or_zero(status, "queue_size") + split});
  table.add({{"events", Colour::kDim},
             fmt::format("{} processing, {} pending, {} in retry", number_or_zero(status, "processing"),
                         number_or_zero(status, "pending"), number_or_zero(status, "retry"))});
  if (const auto at = text_of(status, "timestamp"); !at.empty()) table.add({{"as of", Colour::kDim}, at});
  table.print(terminal);
}

/// Whatever the service tells of its platforms: health and circuit first, and each further plain value in a column.
void print_platforms(const Terminal& terminal, const Fields& platforms) {
  std::vector<std::string> columns{"health", "circuit"};
  for (const auto& [name, platform] : platforms) {
    for (const auto& [member, value] : members_of(platform)) {
      const bool plain = value.kind() != Value::Kind::kObject && value.kind() != Value::Kind::kArray;
      if (plain && std::find(columns.begin(), columns.end(), member) == columns.end()) columns.push_back(member);
    }
  }
  std::vector<std::string> header{"PLATFORM"};
  for (auto column : columns) {
    for (char& c : column) c = c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    header.push_back(std::move(column));
  }
  Table table(std::move(header));
  for (const auto& [name, platform] : platforms) {
    const auto members = members_of(platform);
    std::vector<Table::Cell> row{name};
    for (const auto& column : columns) {
      const auto text = text_of(members, column);
      row.emplace_back(text.empty() ? "-" : text, column == "circuit" ? colour_of_status(text) : Colour::kNone);
    }
    table.add(std::move(row));
  }
  if (table.empty()) return;
  terminal.out << '\n';
  table.print(terminal);
}

/// Where several instances share a database: the totals are of the one that was asked.
void print_instances(const Terminal& terminal, const Value& instances) {
  Table table({"INSTANCE", "ADDRESS", "STATE", "SHARDS", "SINCE"});
  for (const Value& instance : elements_of(instances)) {
    const Fields members = members_of(instance);
    const std::string own = text_of(members, "self") == "true" ? " (asked)" : "";
    const std::string state = text_of(members, "state");
    table.add({text_of(members, "name") + own,
               text_of(members, "address"),
               {state, state == "alive" ? Colour::kGreen : Colour::kRed},
               number_or_zero(members, "shards"),
               text_of(members, "started_at")});
  }
  if (table.empty()) return;
  terminal.out << '\n';
  table.print(terminal);
}

int Status::run(Session& session) {
  auto address = service_address(session, service_);
  if (!address) return report(session, address.error());
  ServiceClient client(*std::move(address));
  const auto status = client.call_for_object(net::Method::kGet, "/sync/status");
  if (!status) return report(session, status.error());
  const bool active = text_of(*status, "sync_engine_active") != "false";
  if (service_.json) {
    session.terminal.out << status->to_json() << '\n';
  } else {
    print_totals(session.terminal, *status, active);
    if (const auto* platforms = status->find("platforms")) print_platforms(session.terminal, members_of(*platforms));
    if (const auto* instances = status->find("instances")) print_instances(session.terminal, *instances);
  }
  return active ? kExitOk : kExitFailed;
}

}  // namespace

std::unique_ptr<Command> make_status() {
  return std::make_unique<Status>();
}

}  // namespace datasync::cli
