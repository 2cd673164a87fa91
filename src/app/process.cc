#include "app/process.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>

#include "cli/cli.h"

namespace datasync::app {

int refuse(const Error& error) {
  fmt::print(stderr, "data-sync: {}\n", error.message);
  if (!error.detail.empty()) fmt::print(stderr, "  {}\n", error.detail);
  return error.code == ErrorCode::kUnavailable ? cli::kExitUnavailable : cli::kExitConfiguration;
}

void take_signals_of_writes_as_errors() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void keep_files_private() {
  umask(S_IRWXG | S_IRWXO);
}

}  // namespace datasync::app
