#include "storage/sqlite/file_guard.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace datasync::storage::sqlite {
namespace {

std::string read_holder(int file) {
  char text[512];
  const ssize_t size = pread(file, text, sizeof text, 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "another process";
}

}  // namespace

Result<FileGuard> FileGuard::take(const std::string& path, const std::string& instance) {
  const std::string lock_path = path + ".lock";
  FileGuard guard(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (guard.file_ < 0) {
    return fail(ErrorCode::kUnavailable, "the database's folder can't be written",
                lock_path + ": " + std::strerror(errno));
  }
  if (flock(guard.file_, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::kUnavailable, "the database is in use: " + read_holder(guard.file_) + " has it open",
                lock_path);
  }
  const std::string holder = "process " + std::to_string(getpid()) + " (" + instance + ")";
  // Only a hint for the message above; the lock counts.
  if (ftruncate(guard.file_, 0) == 0) static_cast<void>(!pwrite(guard.file_, holder.data(), holder.size(), 0));
  return guard;
}

FileGuard::FileGuard(FileGuard&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FileGuard& FileGuard::operator=(FileGuard&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FileGuard::~FileGuard() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace datasync::storage::sqlite
