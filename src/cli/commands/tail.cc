#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/message_view.h"
#include "cli/service_client.h"
#include "cli/websocket_client.h"
#include "domain/json.h"

namespace datasync::cli {
namespace {

constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{15'000};

class Tail final : public Command {
 public:
  std::string name() const override { return "tail"; }
  std::string summary() const override { return "Watch what happens, live, one line for each message, until Ctrl-C"; }
  std::vector<Example> examples() const override {
    return {{"data-sync tail --message conflict_detected,conflict_resolved", "conflicts only"},
            {"data-sync tail --tenant acme --platform coreldove --json", "of one tenant and platform, for a script"},
            {"data-sync tail --count 1 --type order_created", "wait for the next order"}};
  }
  void declare(Options& options) override {
    options.texts("-t,--tenant", filter_.tenants, "Of these tenants");
    options.texts("--type", filter_.event_types, "Of these event types, as user_created");
    options.texts("--platform", filter_.platforms, "From or to these platforms");
    options.texts("--message", filter_.message_types,
                  "These messages: event_created, sync_completed, conflict_detected, …");
    options.text("--cursor", cursor_, "Begin where an earlier tail ended (the cursor of its last message)");
    options.integer("-n,--count", count_, 1, std::numeric_limits<std::int64_t>::max(), "End after so many messages");
    options.flag("--once", once_, "End when the connection ends, instead of connecting again");
    service_.declare(options);
  }
  int run(Session& session) override;

 private:
  [[nodiscard]] std::string target() const;
  bool take(Session& session, std::string_view text);

  ServiceOptions service_;
  MessageFilter filter_;
  std::string cursor_;
  std::optional<std::int64_t> count_;
  bool once_ = false;
  std::int64_t taken_ = 0;
};

std::string comma_joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ",") + text;
  return all;
}

int Tail::run(Session& session) {
  const auto address = service_address(session, service_);
  if (!address) return report(session, address.error());
  milliseconds pause = kFirstPause;
  for (bool opened = false;;) {
    const auto on_open = [&] {
      if (!std::exchange(opened, true)) session.terminal.err << "watching " << address->url << "; Ctrl-C ends it\n";
      pause = kFirstPause;
    };
    const auto end =
        read_websocket(*address, target(), on_open, [&](std::string_view text) { return take(session, text); });
    if (end) return kExitOk;
    // Whoever was never let in is told; whoever was, waits for the service to come back, and goes on at the cursor.
    const bool lost = end.error().code == ErrorCode::kUnavailable && opened && !once_;
    if (!lost) return report(session, end.error());
    session.terminal.err << fmt::format("the connection ended; trying again in {} ms\n", pause.count());
    session.wait(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

std::string Tail::target() const {
  return with_query("/ws/sync", {{"tenant_id", comma_joined(filter_.tenants)},
                                 {"event_type", comma_joined(filter_.event_types)},
                                 {"platform", comma_joined(filter_.platforms)},
                                 {"message_type", comma_joined(filter_.message_types)},
                                 {"cursor", cursor_}});
}

/// Whether to go on.
bool Tail::take(Session& session, std::string_view text) {
  const auto message = parse_json_object(text);
  if (!message) return true;  // no message of ours
  if (auto cursor = text_of(*message, "cursor"); !cursor.empty()) cursor_ = std::move(cursor);
  if (text_of(*message, "type") == "subscribed" || !filter_.takes(*message)) return true;
  if (service_.json) {
    session.terminal.out << message->to_json() << std::endl;
  } else {
    session.terminal.out << line_of(session.terminal, *message, format_rfc3339(session.clock.now())) << std::endl;
  }
  return !count_ || ++taken_ < *count_;
}

}  // namespace

std::unique_ptr<Command> make_tail() {
  return std::make_unique<Tail>();
}

}  // namespace datasync::cli
