#include "actors/impl/file_worker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "actors/floating.hpp"
#include "base/log.hpp"

namespace parley {

namespace {

constexpr std::chrono::hours stray_age_min{1};

struct file_worker_state {
  static inline const char* name = "file_worker";
  explicit file_worker_state(file_worker_actor::pointer) {}

  caf::result<done> on(const write_piece& piece) const {
    TRY_DONE(write(piece));
    return done{};
  }

  caf::result<file_piece> on(const read_piece& wanted) const {
    file_descriptor from{
        ::open((directory / wanted.name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!from.is_open()) return errno == ENOENT ? make_error(errc::not_found) : file_fault();
    file_piece piece;
    piece.bytes.resize(static_cast<size_t>(wanted.bytes_max));
    auto size = ::pread(from.number(), piece.bytes.data(), piece.bytes.size(), wanted.offset);
    if (size < 0) return file_fault();
    piece.bytes.resize(static_cast<size_t>(size));
    return piece;
  }

  void on(const erase_file& gone) const {
    if (::unlink((directory / gone.name).c_str()) != 0 && errno != ENOENT) (void)file_fault();
  }

  // A file that was made just now may be of a row that the list does not have yet.
  void on(const keep_files& kept) const {
    std::set<std::string> names{kept.names.begin(), kept.names.end()};
    auto before = std::filesystem::file_time_type::clock::now() - stray_age_min;
    std::error_code fault;
    for (const auto& file : std::filesystem::directory_iterator{directory, fault}) {
      auto written_at = file.last_write_time(fault);
      if (fault || written_at > before || names.count(file.path().filename()) > 0) continue;
      log_info("jobs.file_swept", {{"file", file.path().filename().string()}});
      std::filesystem::remove(file.path(), fault);
    }
  }

  std::filesystem::path directory;

 private:
  expected<void> write(const write_piece& piece) const {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return file_fault();
    file_descriptor to{::open((directory / piece.name).c_str(),
                              O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!to.is_open()) return file_fault();
    TRY_DONE(to.write_all(piece.bytes, piece.offset));
    if (::fdatasync(to.number()) != 0) return file_fault();
    if (piece.offset > 0) return {};
    // The file's name has to last as well.
    file_descriptor names{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!names.is_open() || ::fsync(names.number()) != 0) return file_fault();
    return {};
  }
};

using file_worker_self = file_worker_actor::stateful_pointer<file_worker_state>;

file_worker_actor::behavior_type run_file_worker(file_worker_self self,
                                                 const std::filesystem::path& directory) {
  harden(self);
  self->state.directory = directory;
  return handle_table<file_worker_actor>(self);
}

}  // namespace

file_worker_actor spawn_file_worker(caf::actor_system& system, std::filesystem::path directory,
                                    file_thread thread) {
  if (thread == file_thread::own)
    return system.spawn<caf::detached>(run_file_worker, std::move(directory));
  return spawn_floating(system, run_file_worker, std::move(directory));
}

}  // namespace parley
