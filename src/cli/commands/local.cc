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
  std::string notes() const override {
    return "A schema is only added to, so a service that runs on PostgreSQL goes on with it; but one of before does\n"
           "not start any more. A file must not be in use. No way leads back but a backup: make one first.";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync migrate --status", "what would be done, without doing it"},
            {"data-sync migrate --to 2", "one step of a roll-out, and no further"}};
  }
  void declare(Options& options) override {
    declare_config(options, options_.config_file);
    options.flag("--status", options_.status_only, "Say what would be done, and do nothing");
    options.integer("--to", options_.to, 1, kSchemaMax, "The schema to stop at, instead of the newest");
  }
  int run(Session& session) override {
    if (options_.status_only && options_.to) {
      say_error(session.terminal, "migrate takes --status or --to, not both");
      return kExitUsage;
    }
    return callbacks_.migrate(options_);
  }

 private:
  const Callbacks& callbacks_;
  MigrateOptions options_;
  static constexpr std::int64_t kSchemaMax = 1'000'000;  // more is a mistyped number
};

class Backup final : public Command {
 public:
  explicit Backup(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "backup"; }
  std::string summary() const override { return "Copy the database into a file, while the service runs"; }
  std::string notes() const override {
    return "The file holds all that was committed when the copy began. It was synced, read again and found\n"
           "whole before it got its name. It holds personal data in plain words: only its owner may read it.\n"
           "For the embedded store; a PostgreSQL server has pg_dump.";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync backup /backup/monday.db", "of the database that DATABASE_URL names"}};
  }
  void declare(Options& options) override {
    declare_config(options, options_.config_file);
    options.positional("FILE", options_.file, true, "That is written; there must be none of that name");
  }
  int run(Session&) override { return callbacks_.backup(options_); }

 private:
  const Callbacks& callbacks_;
  BackupOptions options_;
};

class Restore final : public Command {
 public:
  explicit Restore(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "restore"; }
  std::string summary() const override { return "Make the database from a file that backup wrote"; }
  std::string notes() const override {
    return "The service must not run. What it accepted after the backup is not in it, and the platforms may\n"
           "hold newer values than it knows: let each of them send its records once more.";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync restore /backup/monday.db", "where there is no database yet"},
            {"data-sync restore --replace /backup/monday.db", "the database of before is kept beside it"}};
  }
  void declare(Options& options) override {
    declare_config(options, options_.config_file);
    options.flag("--replace", options_.replace, "Take the place of the database that is there, and keep that one");
    options.positional("FILE", options_.file, true, "That backup wrote");
  }
  int run(Session&) override { return callbacks_.restore(options_); }

 private:
  const Callbacks& callbacks_;
  RestoreOptions options_;
};

class Export final : public Command {
 public:
  explicit Export(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "export"; }
  std::string summary() const override { return "Write all that the database holds as lines of JSON"; }
  std::string notes() const override {
    return "Events, records, links, history and conflicts, of one moment, from any engine for any other. What\n"
           "the service accepts afterwards is not in it: to move house, stop it first. The lines hold personal\n"
           "data in plain words, and the secret that the links are hashed with: keep them as safe as the database.";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync export all.ndjson", "of the database that DATABASE_URL names"}};
  }
  void declare(Options& options) override {
    declare_config(options, options_.config_file);
    options.positional("FILE", options_.file, false, "That is written; there must be none of that name. Default: -");
  }
  int run(Session&) override { return callbacks_.export_contents(options_); }

 private:
  const Callbacks& callbacks_;
  ExportOptions options_;
};

class Import final : public Command {
 public:
  explicit Import(const Callbacks& callbacks) : callbacks_(callbacks) {}
  std::string name() const override { return "import"; }
  std::string summary() const override { return "Fill an empty database with what export wrote"; }
  std::string notes() const override {
    return "All or nothing: until the last line was taken, no service opens the database.";
  }
  std::vector<Example> examples() const override {
    return {{"data-sync import all.ndjson", "into the database that DATABASE_URL names"}};
  }
  void declare(Options& options) override {
    declare_config(options, options_.config_file);
    options.positional("FILE", options_.file, false, "That export wrote. Default: -");
  }
  int run(Session&) override { return callbacks_.import_contents(options_); }

 private:
  const Callbacks& callbacks_;
  ImportOptions options_;
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
std::unique_ptr<Command> make_backup(const Callbacks& callbacks) {
  return std::make_unique<Backup>(callbacks);
}
std::unique_ptr<Command> make_restore(const Callbacks& callbacks) {
  return std::make_unique<Restore>(callbacks);
}
std::unique_ptr<Command> make_export(const Callbacks& callbacks) {
  return std::make_unique<Export>(callbacks);
}
std::unique_ptr<Command> make_import(const Callbacks& callbacks) {
  return std::make_unique<Import>(callbacks);
}

}  // namespace datasync::cli
