#include "app/database_commands.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <utility>

#include "app/process.h"
#include "app/settings.h"
#include "base/time.h"
#include "storage/engines.h"
#include "storage/new_file.h"
#include "storage/transfer.h"

namespace datasync::app {
namespace {

int tell_schema(const std::string& location) {
  const std::string place = storage::describe(location);
  const auto schema = storage::look_at_schema(location);
  if (!schema) return refuse(schema.error());
  if (schema->found == 0) {
    fmt::print("{}: not there yet; `data-sync migrate` makes it\n", place);
  } else if (schema->found == schema->newest) {
    fmt::print("{}: schema {}, up to date\n", place, schema->found);
  } else {
    fmt::print("{}: schema {}; `data-sync migrate` brings it to {}\n", place, schema->found, schema->newest);
  }
  return cli::kExitOk;
}

void prepare_to_write() {
  keep_files_private();
  take_signals_of_writes_as_errors();
}

/// Where it can't be made, the engine says so.
void make_folder_of(const std::string& file) {
  const auto folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
}

std::string contents(const storage::Backup& backup) {
  return fmt::format("{} events, {:.1f} MB, schema {}; read again and found whole", backup.events,
                     static_cast<double>(backup.bytes) / 1e6, backup.schema);
}

bool is_stream(const std::string& file) {
  return file.empty() || file == "-";
}

/// Where an export goes: to standard output, or into a file that is whole or not there.
class ExportFile {
 public:
  Result<void> open(const std::string& name) {
    if (is_stream(name)) return {};
    if (std::filesystem::exists(name)) {
      return fail(ErrorCode::kInvalid, "there is a file " + name + " already; choose another name");
    }
    auto file = storage::NewFile::create(name);
    if (!file) return fail(std::move(file).error());
    file_ = std::move(*file);
    return {};
  }
  Result<void> write(std::string_view text) {
    if (file_) return file_->write(text);
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? Result<void>{} : refused();
  }
  Result<void> finish() {
    if (file_) return file_->finish();
    return std::fflush(stdout) == 0 ? Result<void>{} : refused();
  }

 private:
  [[nodiscard]] static Result<void> refused() {
    return fail(ErrorCode::kUnavailable, "the export can't be written",
                std::string("standard output: ") + std::strerror(errno));
  }

  std::optional<storage::NewFile> file_;
};

std::string contents(const storage::ContentCounts& counts) {
  return fmt::format("{} events, {} records, {} links, {} conflicts", counts.events, counts.records, counts.identities,
                     counts.conflicts);
}

}  // namespace

int migrate(const cli::MigrateOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  if (options.status_only) return tell_schema(settings->database_location);
  prepare_to_write();
  make_folder_of(settings->database_file);
  if (const auto done = storage::migrate(settings->database_location, options.to); !done) return refuse(done.error());
  if (options.to) return tell_schema(settings->database_location);
  fmt::print("{}: the schema is up to date\n", storage::describe(settings->database_location));
  return cli::kExitOk;
}

int backup(const cli::BackupOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  prepare_to_write();
  const auto made = storage::back_up(settings->database_location, options.file);
  if (!made) return refuse(made.error());
  fmt::print("{}: {}\n", options.file, contents(*made));
  return cli::kExitOk;
}

int restore(const cli::RestoreOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  prepare_to_write();
  make_folder_of(settings->database_file);
  storage::RestoreOptions wanted{options.file, settings->database_location, options.replace, {}};
  wanted.suffix = ".before-" + format_rfc3339(SystemClock().now());
  const auto made = storage::restore(wanted);
  if (!made) return refuse(made.error());
  fmt::print("{}: {}\n", storage::describe(settings->database_location), contents(*made));
  return cli::kExitOk;
}

int export_contents(const cli::ExportOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  prepare_to_write();
  ExportFile file;
  if (const auto opened = file.open(options.file); !opened) return refuse(opened.error());
  const auto counts = storage::export_contents(settings->database_location,
                                               [&file](std::string_view text) { return file.write(text); });
  if (!counts) return refuse(counts.error());
  if (const auto finished = file.finish(); !finished) return refuse(finished.error());
  fmt::print(stderr, "{}\n", contents(*counts));
  return cli::kExitOk;
}

int import_contents(const cli::ImportOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  std::ifstream file;
  if (!is_stream(options.file)) {
    file.open(options.file, std::ios::binary);
    if (!file) return refuse({ErrorCode::kInvalid, options.file + ": can't be read", std::strerror(errno)});
  }
  std::istream& lines = is_stream(options.file) ? std::cin : file;
  prepare_to_write();
  make_folder_of(settings->database_file);
  const auto counts = storage::import_contents(settings->database_location, [&](std::string& line) -> Result<bool> {
    if (std::getline(lines, line)) return true;
    if (lines.bad()) return fail(ErrorCode::kUnavailable, "the export can't be read", std::strerror(errno));
    return false;
  });
  if (!counts) return refuse(counts.error());
  fmt::print("{}: {}\n", storage::describe(settings->database_location), contents(*counts));
  return cli::kExitOk;
}

}  // namespace datasync::app
