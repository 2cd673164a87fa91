// The commands that the binary answers itself, without a running service: `app/` does the work.
#include "cli/commands/commands.h"

namespace datasync::cli {
namespace {

void declare_config(Options& options, std::string& out) {
  options.text("-c,--config", out, "YAML file with settings, further platforms and rules");
}

class Serve final : public Command {
 public:
  explicit Serve(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "serve"; }
  std::string summary() const override { return "Run the service until SIGTERM or Ctrl-C"; }
  std::vector<Example> examples() const override {
    return {{"data-sync serve", "on this machine, with the shipped platforms"},
            {"data-sync serve --config shop.yaml", "with further platforms or other rules"}};
  }
  void declare(Options& options) override { declare_config(options, options_.config_file); }
  int run(Session&) override { return callbacks_.serve(options_); }

 private:
  const Callbacks& callbacks_;
  ServeOptions options_;
};

class ConfigCheck final : public Command {
 public:
  explicit ConfigCheck(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "config check"; }
  std::string summary() const override {
    return "Check settings and platforms; show what is in force and where it came from";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync config check --config shop.yaml", "before a restart; 78 if anything is wrong"}};
  }
  void declare(Options& options) override { declare_config(options, options_.config_file); }
  int run(Session&) override { return callbacks_.config_check(options_); }

 private:
  const Callbacks& callbacks_;
  ConfigCheckOptions options_;
};

class ConfigDocs final : public Command {
 public:
  explicit ConfigDocs(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "config docs"; }
  std::string summary() const override {
    return "Write all settings as Markdown: defaults, ranges and what they are for";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync config docs > docs/settings.md", "after a change of the table"}};
  }
  void declare(Options&) override {}
  int run(Session&) override { return callbacks_.config_docs(); }

 private:
  const Callbacks& callbacks_;
};

class Migrate final : public Command {
 public:
  explicit Migrate(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "migrate"; }
  std::string summary() const override { return "Bring the database to this version; serve does it at its start, too"; }
  std::vector<Example> examples() const override {
    return {{"data-sync migrate --status", "what would be done, without doing it"}};
  }
  void declare(Options& options) override {
    declare_config(options, options_.config_file);
    options.flag("--status", options_.status_only, "Say what would be done, and do nothing");
  }
  int run(Session&) override { return callbacks_.migrate(options_); }

 private:
  const Callbacks& callbacks_;
  MigrateOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_serve(const Callbacks& callbacks) {
  return std::make_unique<Serve>(callbacks);
}
std::unique_ptr<Command> make_config_check(const Callbacks& callbacks) {
  return std::make_unique<ConfigCheck>(callbacks);
}
std::unique_ptr<Command> make_config_docs(const Callbacks& callbacks) {
  return std::make_unique<ConfigDocs>(callbacks);
}
std::unique_ptr<Command> make_migrate(const Callbacks& callbacks) {
  return std::make_unique<Migrate>(callbacks);
}

}  // namespace datasync::cli
