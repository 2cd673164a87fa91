#include "app/database_commands.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "app/process.h"
#include "app/settings.h"
#include "storage/engines.h"
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

/// Where an export goes. A file gets its name when it is whole and on the disk.
class ExportFile {
 public:
  explicit ExportFile(std::string name) : name_(is_stream(name) ? std::string{} : std::move(name)) {}
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;
  ~ExportFile() {
    if (file_ == nullptr || name_.empty()) return;
    std::fclose(file_);
    ::unlink(part().c_str());
  }

  Result<void> open() {
    if (name_.empty()) {
      file_ = stdout;
      return {};
    }
    if (std::filesystem::exists(name_)) {
      return fail(ErrorCode::kInvalid, "there is a file " + name_ + " already; choose another name");
    }
    file_ = std::fopen(part().c_str(), "we");
    return file_ == nullptr ? refused() : Result<void>{};
  }

  Result<void> write(std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), file_) == text.size() ? Result<void>{} : refused();
  }

  Result<void> finish() {
    if (std::fflush(file_) != 0) return refused();
    if (name_.empty()) return {};
    if (::fsync(::fileno(file_)) != 0 || std::rename(part().c_str(), name_.c_str()) != 0) return refused();
    std::fclose(std::exchange(file_, nullptr));
    return {};
  }

 private:
  [[nodiscard]] std::string part() const { return name_ + ".part"; }
  [[nodiscard]] Result<void> refused() const {
    const int reason = errno;
    return fail(ErrorCode::kUnavailable, "the export can't be written",
                (name_.empty() ? "standard output" : part()) + ": " + std::strerror(reason));
  }

  std::string name_;
  std::FILE* file_ = nullptr;
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
  keep_files_private();
  make_folder_of(settings->database_file);
  if (const auto done = storage::migrate(settings->database_location); !done) return refuse(done.error());
  fmt::print("{}: the schema is up to date\n", storage::describe(settings->database_location));
  return cli::kExitOk;
}

int backup(const cli::BackupOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  keep_files_private();
  const auto made = storage::back_up(settings->database_location, options.file);
  if (!made) return refuse(made.error());
  fmt::print("{}: {}\n", options.file, contents(*made));
  return cli::kExitOk;
}

int restore(const cli::RestoreOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  keep_files_private();
  make_folder_of(settings->database_file);
  storage::RestoreOptions wanted{options.file, settings->database_location, options.replace, {}};
  wanted.suffix = fmt::format(".before-{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
  const auto made = storage::restore(wanted);
  if (!made) return refuse(made.error());
  fmt::print("{}: {}\n", storage::describe(settings->database_location), contents(*made));
  return cli::kExitOk;
}

int export_contents(const cli::ExportOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  keep_files_private();
  std::signal(SIGPIPE, SIG_IGN);  // who reads it may go away: that is told as what can't be written
  ExportFile file(options.file);
  if (const auto opened = file.open(); !opened) return refuse(opened.error());
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
  keep_files_private();
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
