#include "storage/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace datasync::storage {
namespace {

tl::unexpected<Error> unavailable(const char* what, const std::string& path) {
  return fail(ErrorCode::kUnavailable, what, path + ": " + std::error_code(errno, std::generic_category()).message());
}

}  // namespace

Result<NewFile> NewFile::create(std::string path) {
  NewFile file(std::move(path), -1);
  const std::string part = file.part();
  ::unlink(part.c_str());
  file.file_ = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file.file_ < 0) return unavailable("the file can't be made", part);
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

NewFile& NewFile::operator=(NewFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

NewFile::~NewFile() {
  if (file_ >= 0) ::unlink(part().c_str());
  drop();
}

void NewFile::drop() noexcept {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

Result<void> NewFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return unavailable("the file can't be written", part());
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> NewFile::sync() {
  if (::fsync(file_) != 0) return unavailable("the disk did not confirm a write", part());
  return {};
}

Result<void> NewFile::finish() {
  DATASYNC_TRY(sync());
  if (std::rename(part().c_str(), path_.c_str()) != 0) return unavailable("the file can't take its name", path_);
  drop();
  const auto folder = std::filesystem::path(path_).parent_path();
  const std::string name = folder.empty() ? "." : folder.string();
  const int parent = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = parent >= 0 && ::fsync(parent) == 0;
  auto outcome = synced ? Result<void>{} : unavailable("the disk did not confirm a file's name", name);
  if (parent >= 0) ::close(parent);
  return outcome;
}

}  // namespace datasync::storage
