#include "app/scratch_stores.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "storage/sqlite/sqlite_store.h"

namespace datasync::app {
namespace {

namespace fs = std::filesystem;

/// A folder of our own; gone, with all that is in it, at the end.
class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  ~Folder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

Result<std::unique_ptr<storage::Store>> open_in(const Folder& folder, const char* name) {
  storage::sqlite::SqliteOptions options;
  options.path = folder.path() + "/" + name;
  options.guard = false;
  options.durable = false;
  return storage::sqlite::open_sqlite_store(std::move(options));
}

}  // namespace

Result<ScratchStores> open_scratch_stores() {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / "data-sync-XXXXXX").string();
  if (error || ::mkdtemp(path.data()) == nullptr) {
    return fail(ErrorCode::kUnavailable, "no folder for throw-away files can be made; TMPDIR says where",
                error ? error.message() : std::strerror(errno));
  }
  const Folder folder(path);
  ScratchStores stores;
  for (const auto& [store, name] : {std::pair{&stores.first, "first.db"}, std::pair{&stores.second, "second.db"}}) {
    auto opened = open_in(folder, name);
    if (!opened) return fail(std::move(opened).error());
    *store = std::move(*opened);
  }
  return stores;
}

}  // namespace datasync::app
