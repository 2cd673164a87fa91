#include "app/serve.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "app/catalog_factory.h"
#include "app/open_files.h"
#include "app/process.h"
#include "app/service.h"
#include "app/settings.h"
#include "base/log.h"
#include "storage/engines.h"

namespace datasync::app {
namespace {

constexpr int kRefreshSignal = SIGUSR1;

/// SIGTERM, SIGINT, SIGHUP and SIGUSR1 wait in line for `sigwait`; threads started later inherit that.
sigset_t hold_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, kRefreshSignal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  take_signals_of_writes_as_errors();
  return signals;
}

void announce(const Settings& settings, const Service& service) {
  for (const std::string& warning : settings.warnings) log::warning("{}", warning);
  for (std::size_t i = 0; i < service.ports().size(); ++i) {
    const std::string& address = settings.listen_addresses[i];
    const bool v6 = address.find(':') != std::string::npos;
    log::info("listening on http://{}:{}", v6 ? "[" + address + "]" : address, service.ports()[i]);
  }
  log::info("store: {}", storage::describe(settings.database_location));
}

/// `started`: what only a restart changes still stands as it did then. `running` becomes what is taken.
void reload(Service& service, const Settings& started, Settings& running, const std::string& config_file) {
  auto settings = load_settings(system_sources(config_file));
  if (!settings) {
    log::error("the configuration was not taken: {}", settings.error().message);
    return;
  }
  if (const auto taken = service.reload(*settings); !taken) {
    log::error("the configuration was not taken: {}", taken.error().message);
    return;
  }
  log::set_level(settings->log_level);
  log::info("configuration reloaded");
  for (const std::string& name : changed_for_restart(started, *settings)) {
    log::warning("{} has changed and takes effect with the next start", name);
  }
  running = std::move(*settings);
}

/// A platform refuses our credential: perhaps it was changed where it is kept.
void refresh_credentials(Service& service, Settings& running, const std::string& config_file) {
  const auto fresh = load_settings(system_sources(config_file));
  if (!fresh) {
    log::warning("a platform refuses its credential, and none could be read anew: {}", fresh.error().message);
    return;
  }
  Settings next = with_secrets_of(running, *fresh);
  if (const auto taken = service.reload(next); !taken) {
    log::warning("a platform refuses its credential, and none could be read anew: {}", taken.error().message);
    return;
  }
  running = std::move(next);
  log::info("credentials were read anew, since a platform refuses its own");
}

}  // namespace

int serve(const cli::ServeOptions& options) {
  auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  log::set_level(settings->log_level);
  fit_connections(*settings, raise_open_files_limit());
  keep_files_private();
  const sigset_t signals = hold_signals();
  // A signal, since the engine must not wait, and one that is pending already is enough.
  auto service = Service::start(*settings, [] { ::kill(::getpid(), kRefreshSignal); });
  if (!service) return refuse(service.error());
  announce(*settings, **service);

  Settings running = *settings;
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGHUP) {
      reload(**service, *settings, running, options.config_file);
    } else if (signal == kRefreshSignal) {
      refresh_credentials(**service, running, options.config_file);
    } else {
      break;
    }
  }
  log::info("stopping: answering what has begun, at most {} s",
            std::chrono::duration_cast<seconds>(settings->stop_deadline).count());
  const bool clean = (*service)->stop(settings->stop_deadline);
  log::info("{}", clean ? "stopped" : "stopped at the deadline; what was under way is repeated at the next start");
  return cli::kExitOk;
}

int config_check(const cli::ConfigCheckOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  fmt::print("{}", render_settings(*settings));
  for (const std::string& warning : settings->warnings) fmt::print("warning: {}\n", warning);
  const auto catalog = make_catalog(*settings);
  if (!catalog) return refuse(catalog.error());
  fmt::print("\n{} platforms, {} entities: the configuration holds\n", (*catalog)->mapper.mapping().platforms.size(),
             (*catalog)->mapper.mapping().entities.size());
  return cli::kExitOk;
}

int config_docs() {
  fmt::print("{}", settings_markdown());
  return cli::kExitOk;
}

}  // namespace datasync::app
