// Trying rules before they run: `app/` does the work.
#include "cli/commands/commands.h"
#include "cli/service_client.h"

namespace datasync::cli {
namespace {

constexpr std::int64_t kExamplesMax = 1'000;

class RulesCheck final : public Command {
 public:
  explicit RulesCheck(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "rules check"; }
  std::string summary() const override { return "Check proposed rules and mappings against what is in force"; }
  std::vector<Example> examples() const override {
    return {{"data-sync rules check new.yaml", "before anybody tries it; 78 if anything is wrong"}};
  }
  void declare(Options& options) override {
    options.positionals("FILE", options_.rules_files, true, "Proposed YAML: the words of a --config file");
    options.text("-c,--config", options_.config_file, "YAML file of the service, over which they are laid");
  }
  int run(Session&) override { return callbacks_.rules_check(options_); }

 private:
  const Callbacks& callbacks_;
  RulesCheckOptions options_;
};

class RulesTest final : public Command {
 public:
  explicit RulesTest(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "rules test"; }
  std::string summary() const override {
    return "Play the stored history under proposed rules; tell what would differ";
  }
  std::string notes() const override {
    return "The events since then are played twice, as the service is configured and as proposed, by the code that\n"
           "runs them. Nothing is sent, and the database is only read, also while the service runs. Give the\n"
           "service's own --config and environment. Exit code 0: nothing differs; 1: something does.\n"
           "\n"
           "How it begins: a record from before has the values that it had then, by its history. What its platforms\n"
           "knew of them is taken to be all of them, where that is not noted any more, and ids that it got since are\n"
           "known from the start. Before that nothing is played: what new rules would have made of older events is "
           "not\n"
           "told. A target answers when and as it did; what it was never told then, it takes at once. Decisions of\n"
           "people count where the question is asked again; a question that only new rules ask stays open.\n"
           "Both sides begin alike, so what differs comes from the proposal.\n"
           "\n"
           "Values in the examples are personal: without --show-values only their kind is shown.";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync rules test --since 7d --rules new.yaml", "new.yaml laid over what is in force"},
            {"data-sync rules test --since 24h --config shop.yaml --proposed-config shop-new.yaml --json",
             "a whole file in place of another, for a script"}};
  }
  void declare(Options& options) override {
    options.text("--since", since_, "Events since 15m, 2h, 7d ago, or 2026-01-31T09:30:00Z");
    options.texts("-r,--rules", options_.rules_files,
                  "Proposed YAML: rules, entities, rates, mappings (no `connection`), laid over --config");
    options.text("--proposed-config", options_.proposed_config, "Instead: a file to take the place of --config");
    options.text("-c,--config", options_.config_file, "YAML file of the service");
    options.texts("-t,--tenant", options_.tenants, "Of these tenants alone");
    options.integer("-n,--examples", examples_, 0, kExamplesMax, "How many examples of either kind [10]");
    options.flag("--show-values", options_.show_values, "Show the values of the examples");
    options.flag("--json", options_.json, "For a program");
  }
  int run(Session& session) override;

 private:
  const Callbacks& callbacks_;
  RulesTestOptions options_;
  std::string since_;
  std::optional<std::int64_t> examples_;
};

int RulesTest::run(Session& session) {
  const auto refuse = [&session](std::string_view message) {
    say_error(session.terminal, message);
    return kExitUsage;
  };
  if (since_.empty()) return refuse("--since says from when on; write 7d for the last week");
  const auto since = point_in_time(session, since_);
  if (!since) return refuse(since.error().message);
  if (options_.rules_files.empty() == options_.proposed_config.empty()) {
    return refuse("either --rules or --proposed-config says what is proposed");
  }
  options_.since = *parse_rfc3339(*since);
  options_.examples_max = static_cast<std::size_t>(examples_.value_or(10));
  return callbacks_.rules_test(options_);
}

}  // namespace

std::unique_ptr<Command> make_rules_check(const Callbacks& callbacks) {
  return std::make_unique<RulesCheck>(callbacks);
}
std::unique_ptr<Command> make_rules_test(const Callbacks& callbacks) {
  return std::make_unique<RulesTest>(callbacks);
}

}  // namespace datasync::cli
