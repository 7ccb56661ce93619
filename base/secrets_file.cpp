#include "base/secrets_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/passphrase.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

constexpr size_t file_bytes_max = 64 * 1024;
constexpr const char* file_name = "secrets.json";

error failed(std::string_view deed, const std::string& path, int cause) {
  return make_error(errc::storage_failed,
                    "Cannot " + std::string{deed} + " " + path + ": " + std::strerror(cause) + ".");
}

error refused(const std::string& path, std::string_view fault) {
  return make_error(errc::invalid_input, path + " " + std::string{fault});
}

bool is_our_group(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<size_t>(std::max(::getgroups(0, nullptr), 0)));
  auto count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  return count > 0 &&
         std::find(groups.begin(), groups.begin() + count, group) != groups.begin() + count;
}

expected<file_descriptor> open_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("make the data directory", path, errno);
  file_descriptor directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open()) return failed("open the data directory", path, errno);
  struct stat status {};
  if (::fstat(directory.number(), &status) != 0) return failed("look at", path, errno);
  if ((status.st_mode & 07) == 0) return directory;
  // Made by hand or by a container with the usual mode: others have no business here.
  if (status.st_uid == ::geteuid() && ::fchmod(directory.number(), status.st_mode & 0770) == 0)
    return directory;
  if ((status.st_mode & 02) != 0)
    return refused(path, "can be written by every user: run chmod o-rwx on it.");
  return directory;
}

expected<void> check_status(const struct stat& status, const std::string& path) {
  if (!S_ISREG(status.st_mode)) return refused(path, "is not a regular file: remove it.");
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return refused(path, "belongs to another user: give it to the user that runs parley.");
  if ((status.st_mode & 07) != 0)
    return refused(path, "is open to every user: run chmod 600 on it.");
  if ((status.st_mode & 070) != 0 && !is_our_group(status.st_gid))
    return refused(path, "is open to a foreign group: run chmod 600 on it.");
  return caf::unit;
}

/// nullopt: there is none.
expected<std::optional<secret_text>> read_file(int directory, const std::string& path) {
  using result = std::optional<secret_text>;
  // A link is followed: Kubernetes mounts secrets as links. What it leads to is checked.
  file_descriptor file{::openat(directory, file_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file.is_open() && errno == ENOENT) {
    struct stat link {};
    if (::fstatat(directory, file_name, &link, AT_SYMLINK_NOFOLLOW) != 0) return result{};
    if (S_ISLNK(link.st_mode))
      return refused(path, "is a link that leads nowhere: mend or remove it.");
    return read_file(directory, path);  // another process has made it between the two calls
  }
  if (!file.is_open()) return failed("open", path, errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return failed("look at", path, errno);
  TRY_DONE(check_status(status, path));
  if (static_cast<size_t>(status.st_size) > file_bytes_max)
    return refused(path, "is too large to be ours.");
  std::string text(static_cast<size_t>(status.st_size), '\0');
  auto count = ::pread(file.number(), text.data(), text.size(), 0);
  if (count < 0 || static_cast<size_t>(count) != text.size()) return failed("read", path, errno);
  return result{secret_text{std::move(text)}};
}

std::optional<key_ring> read_ring(const json_value& document, std::string_view name) {
  auto value = document.find(name);
  auto active = value ? value->string_at("active") : std::nullopt;
  auto keys = value ? value->find("keys") : std::nullopt;
  if (!active || !keys) return std::nullopt;
  key_ring ring;
  ring.active = *active;
  for (auto& [key_name, key] : keys->members()) {
    auto text = key.as_string();
    auto bytes = text ? parse_base64url(*text) : std::nullopt;
    if (!bytes) return std::nullopt;
    ring.keys.emplace(key_name, secret_text{std::move(*bytes)});
  }
  if (!ring.is_valid()) return std::nullopt;
  return ring;
}

expected<secrets> parse_secrets(const secret_text& text, const std::string& path) {
  json_reader reader;
  auto document = reader.parse(text.reveal());
  if (!document || document->type() != json_type::object || document->integer_at("version") != 1)
    return refused(path, "is damaged: restore it from a backup.");
  auto access_tokens = read_ring(*document, "accessTokens");
  auto sealing = read_ring(*document, "sealing");
  auto pepper_text = document->string_at("pepper");
  auto pepper = pepper_text ? parse_base64url(*pepper_text) : std::nullopt;
  if (!access_tokens || !sealing || !pepper || pepper->size() != key_ring::key_bytes ||
      is_obvious_key(*pepper))
    return refused(path,
                   "has a missing, short or obvious key (each is 32 random bytes in "
                   "base64url): restore it from a backup.");
  return secrets{std::move(*access_tokens), std::move(*sealing), secret_text{std::move(*pepper)}};
}

void append_ring(json_writer& writer, std::string_view name, const key_ring& ring) {
  writer.key(name).begin_object().member("active", ring.active).key("keys").begin_object();
  for (auto& [key_name, key] : ring.keys) writer.member(key_name, base64url(key.reveal()));
  writer.end_object().end_object();
}

secret_text render(const secrets& made) {
  std::string text;
  text.reserve(4096);  // no growing, which would leave copies behind
  json_writer writer{text};
  writer.begin_object().member("version", 1);
  append_ring(writer, "accessTokens", made.access_tokens);
  append_ring(writer, "sealing", made.sealing);
  writer.member("pepper", base64url(made.pepper.reveal())).end_object();
  text += '\n';
  return secret_text{std::move(text)};
}

enum class placing { if_absent, instead };

// A whole file appears under the name or none: a crash leaves no half one, and the link fails for
// the second of two processes, which then reads what the first has made.
expected<void> write_file(int directory, const std::string& path, const secret_text& text,
                          placing how) {
  auto draft_name = std::string{file_name} + "." + random_base62(12);
  file_descriptor file{::openat(directory, draft_name.c_str(),
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file.is_open()) return failed("write", path, errno);
  auto& bytes = text.reveal();
  auto is_written =
      ::write(file.number(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
      ::fsync(file.number()) == 0;
  auto cause = errno;
  if (is_written) {
    is_written = how == placing::instead
                     ? ::renameat(directory, draft_name.c_str(), directory, file_name) == 0
                     : ::linkat(directory, draft_name.c_str(), directory, file_name, 0) == 0 ||
                           errno == EEXIST;
    cause = errno;
  }
  ::unlinkat(directory, draft_name.c_str(), 0);
  if (!is_written) return failed("write", path, cause);
  if (::fsync(directory) != 0) return failed("write", path, errno);
  return caf::unit;
}

/// What a file that is ours to change holds; it is changed and put in the old one's place.
expected<secrets> change_file(const std::string& directory,
                              const std::function<expected<void>(secrets&)>& change) {
  auto path = directory + "/" + file_name;
  file_descriptor folder{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder.is_open()) return failed("open the data directory", directory, errno);
  struct stat status {};
  if (::fstatat(folder.number(), file_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return failed("look at", path, errno);
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid())
    return refused(path, "is not this user's own file: change it where it comes from.");
  TRY(auto text, read_file(folder.number(), path));
  if (!text) return failed("read", path, ENOENT);
  TRY(auto kept, parse_secrets(*text, path));
  TRY_DONE(change(kept));
  TRY_DONE(write_file(folder.number(), path, render(kept), placing::instead));
  return kept;
}

}  // namespace

expected<secrets> turn_secrets(const std::string& directory) {
  return change_file(directory, [&](secrets& kept) -> expected<void> {
    if (kept.sealing.keys.size() >= key_ring::keys_max)
      return refused(directory + "/" + file_name,
                     "is full of keys: start the server, which seals anew and drops the old ones.");
    auto fresh = key_ring::make();
    kept.sealing.active = fresh.active;
    kept.sealing.keys.merge(fresh.keys);
    kept.access_tokens = key_ring::make();
    return caf::unit;
  });
}

expected<void> drop_sealing_keys(const std::string& directory,
                                 const std::set<std::string>& unneeded) {
  TRY_DONE(change_file(directory, [&](secrets& kept) -> expected<void> {
    for (const auto& name : unneeded)
      if (name != kept.sealing.active) kept.sealing.keys.erase(name);
    return caf::unit;
  }));
  return caf::unit;
}

expected<secrets> load_or_make_secrets(const std::string& directory) {
  auto path = directory + "/" + file_name;
  TRY(auto folder, open_directory(directory));
  TRY(auto text, read_file(folder.number(), path));
  if (text) return parse_secrets(*text, path);

  secrets made{key_ring::make(), key_ring::make(), secret_text{random_bytes(key_ring::key_bytes)}};
  TRY_DONE(write_file(folder.number(), path, render(made), placing::if_absent));
  TRY(auto stored, read_file(folder.number(), path));
  if (!stored) return failed("read", path, ENOENT);
  TRY(auto result, parse_secrets(*stored, path));
  result.is_new = result.pepper == made.pepper;
  return result;
}

// -- A copy under a passphrase -------------------------------------------------------------------

namespace {

constexpr std::string_view export_kind = "parley.secrets";
constexpr const char* mark_name = "secrets.exported";

error absent(const std::string& directory) {
  return make_error(errc::not_found, "There is no secrets.json in " + directory + ".");
}

/// Of what data can't do without: old keys may go from the file, another active one is news.
std::string fingerprint_of(const secrets& kept) {
  auto& active = kept.sealing.keys.find(kept.sealing.active)->second;
  auto named = hmac_sha256(active.reveal(), "parley/export/v1/" + kept.sealing.active);
  return hex(hmac_sha256(kept.pepper.reveal(), named)) + "\n";
}

}  // namespace

expected<std::optional<secrets>> read_secrets(const std::string& directory) {
  using result = std::optional<secrets>;
  file_descriptor folder{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder.is_open() && errno == ENOENT) return result{};
  if (!folder.is_open()) return failed("open the data directory", directory, errno);
  auto path = directory + "/" + file_name;
  TRY(auto text, read_file(folder.number(), path));
  if (!text) return result{};
  TRY(auto parsed, parse_secrets(*text, path));
  return result{std::move(parsed)};
}

expected<std::string> export_secrets(const std::string& directory, const secret_text& passphrase) {
  TRY(auto kept, read_secrets(directory));
  if (!kept) return absent(directory);
  return seal_with_passphrase(export_kind, render(*kept), passphrase);
}

expected<void> note_secrets_export(const std::string& directory) {
  TRY(auto kept, read_secrets(directory));
  if (!kept) return absent(directory);
  auto mark = std::filesystem::path{directory} / mark_name;
  ::unlink(mark.c_str());
  return write_new_file(mark, fingerprint_of(*kept));
}

expected<void> import_secrets(const std::string& directory, std::string_view exported,
                              const secret_text& passphrase) {
  TRY(auto text, open_with_passphrase(export_kind, exported, passphrase));
  TRY(auto wanted, parse_secrets(text, "The file"));
  TRY(auto folder, open_directory(directory));
  auto path = directory + "/" + file_name;
  TRY_DONE(write_file(folder.number(), path, text, placing::if_absent));
  TRY(auto there, read_secrets(directory));
  if (!there || !(render(*there) == render(wanted)))
    return make_error(errc::conflict, "other_secrets",
                      path +
                          " has other keys. It was left as it is: if nothing needs it, move it "
                          "away and import again.");
  return note_secrets_export(directory);
}

secrets_copy find_secrets_copy(const std::string& directory) {
  struct stat status {};
  struct stat folder {};
  if (::lstat((directory + "/" + file_name).c_str(), &status) != 0 ||
      ::stat(directory.c_str(), &folder) != 0)
    return secrets_copy::no_secrets;
  if (!S_ISREG(status.st_mode) || status.st_uid != folder.st_uid) return secrets_copy::foreign;
  auto kept = read_secrets(directory);
  auto mark = read_whole_file(std::filesystem::path{directory} / mark_name, 1024);
  if (!kept || !*kept || !mark) return secrets_copy::none;
  return *mark == fingerprint_of(**kept) ? secrets_copy::made : secrets_copy::outdated;
}

}  // namespace parley
