#pragma once

#include <functional>
#include <string>

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
  bool status_only = false;  ///< say what would be done and do nothing
};

/// What the binary does itself; `app/` fills it. Each returns the exit code.
struct Callbacks {
  std::function<int(const ServeOptions&)> serve;
  std::function<int(const ConfigCheckOptions&)> config_check;
  std::function<int()> config_docs;
  std::function<int(const MigrateOptions&)> migrate;
  std::string settings_help;  ///< two columns for `--help`: the settings that a newcomer needs
  std::string version;
};

/// Runs one command of the command line with the process's own streams, and returns its exit code.
int run(int argc, const char* const* argv, const Callbacks& callbacks);

}  // namespace datasync::cli
