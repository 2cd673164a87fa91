#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace datasync::cli {

// What a script may rely on. 69 and 78 are EX_UNAVAILABLE and EX_CONFIG of sysexits.h; systemd knows them by name. So
// is 74, EX_IOERR, with which the store ends the process when the disk does not confirm a write.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;          ///< it was asked rightly and did not succeed
inline constexpr int kExitUsage = 2;           ///< the command line is wrong
inline constexpr int kExitUnavailable = 69;    ///< no service answers; try again later
inline constexpr int kExitConfiguration = 78;  ///< a setting or a file of configuration is wrong

struct ServeOptions {
  std::string config_file;  ///< of `--config`; empty: none
};
struct ConfigCheckOptions {
  std::string config_file;
};
struct MigrateOptions {
  std::string config_file;
  std::optional<std::int64_t> to;  ///< the last schema to make; none: the newest
  bool status_only = false;        ///< say what would be done and do nothing
};

struct BackupOptions {
  std::string config_file;
  std::string file;  ///< that is written
};
struct RestoreOptions {
  std::string config_file;
  std::string file;      ///< that `backup` wrote
  bool replace = false;  ///< a database that is there already
};

struct ExportOptions {
  std::string config_file;
  std::string file;  ///< that is written; `-` or empty: standard output
};
struct ImportOptions {
  std::string config_file;
  std::string file;  ///< that is read; `-` or empty: standard input
};

struct RulesTestOptions {
  std::string config_file;               ///< what is in force
  std::vector<std::string> rules_files;  ///< laid over it, one over the other
  std::string proposed_config;           ///< instead of `rules_files`: what is to take the place of `config_file`
  Timestamp since{};
  std::vector<std::string> tenants;  ///< none: all
  std::size_t examples_max = 10;
  bool json = false;
  bool show_values = false;
};
struct RulesCheckOptions {
  std::string config_file;
  std::vector<std::string> rules_files;
};

/// What the binary does itself; `app/` fills it. Each returns the exit code.
struct Callbacks {
  std::function<int(const ServeOptions&)> serve;
  std::function<int(const ConfigCheckOptions&)> config_check;
  std::function<int()> config_docs;
  std::function<int(const MigrateOptions&)> migrate;
  std::function<int(const BackupOptions&)> backup;
  std::function<int(const RestoreOptions&)> restore;
  std::function<int(const ExportOptions&)> export_contents;
  std::function<int(const ImportOptions&)> import_contents;
  std::function<int(const RulesTestOptions&)> rules_test;
  std::function<int(const RulesCheckOptions&)> rules_check;
  std::string settings_help;  ///< two columns for `--help`: the settings that a newcomer needs
  std::string version;
};

/// Runs one command of the command line with the process's own streams, and returns its exit code.
int run(int argc, const char* const* argv, const Callbacks& callbacks);

}  // namespace datasync::cli
