#include "base/zip.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <array>

namespace parley {

namespace {

struct reading_end {
  void operator()(archive* one) const { archive_read_free(one); }
};
struct writing_end {
  void operator()(archive* one) const { archive_write_free(one); }
};
struct entry_end {
  void operator()(archive_entry* one) const { archive_entry_free(one); }
};

error bad_zip() {
  return make_error(errc::invalid_input, "bad_zip", "This is no whole zip archive.");
}

}  // namespace

// -- Reading ------------------------------------------------------------------------------------

struct zip_reader::state {
  int descriptor = -1;
  zip_limits limits;
  std::unique_ptr<archive, reading_end> from{archive_read_new()};
  int64_t entries = 0;
  int64_t decoded_bytes = 0;
  std::array<char, 65536> buffer;
  std::array<char, 65536> decoded;

  static la_ssize_t on_read(archive*, void* self, const void** bytes) {
    auto& own = *static_cast<state*>(self);
    *bytes = own.buffer.data();
    return ::read(own.descriptor, own.buffer.data(), own.buffer.size());
  }
  static la_int64_t on_seek(archive*, void* self, la_int64_t offset, int whence) {
    auto place = ::lseek(static_cast<state*>(self)->descriptor, offset, whence);
    return place < 0 ? ARCHIVE_FATAL : place;
  }
};

zip_reader::zip_reader(std::unique_ptr<state> own) : state_(std::move(own)) {}
zip_reader::zip_reader(zip_reader&&) noexcept = default;
zip_reader::~zip_reader() = default;

expected<zip_reader> zip_reader::open(int descriptor, zip_limits limits) {
  auto own = std::make_unique<state>();
  own->descriptor = descriptor;
  own->limits = limits;
  auto* from = own->from.get();
  if (from == nullptr) return make_error(errc::internal);
  // The list at the end is what counts: an archive that was cut has none.
  archive_read_support_format_zip_seekable(from);
  archive_read_set_read_callback(from, &state::on_read);
  archive_read_set_seek_callback(from, &state::on_seek);
  archive_read_set_callback_data(from, own.get());
  if (archive_read_open1(from) != ARCHIVE_OK) return bad_zip();
  return zip_reader{std::move(own)};
}

expected<std::optional<std::string>> zip_reader::next() {
  for (;;) {
    archive_entry* entry = nullptr;
    auto status = archive_read_next_header(state_->from.get(), &entry);
    if (status == ARCHIVE_EOF) return std::optional<std::string>{};
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return bad_zip();
    if (++state_->entries > state_->limits.entries_max)
      return make_error(errc::too_large, "entries_max", "The archive has too many entries.");
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    const auto* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) name = archive_entry_pathname(entry);
    return std::optional<std::string>{name == nullptr ? "" : name};
  }
}

expected<std::string_view> zip_reader::read() {
  auto& decoded = state_->decoded;
  auto size = archive_read_data(state_->from.get(), decoded.data(), decoded.size());
  if (size < 0) return bad_zip();
  state_->decoded_bytes += size;
  if (state_->decoded_bytes > state_->limits.decoded_bytes_max)
    return make_error(errc::too_large, "decoded_bytes_max", "The archive unfolds to too much.");
  return std::string_view{decoded.data(), static_cast<size_t>(size)};
}

// -- Writing ------------------------------------------------------------------------------------

struct zip_writer::state {
  sink to;
  error failure;
  std::unique_ptr<archive, writing_end> out{archive_write_new()};

  static la_ssize_t on_write(archive*, void* self, const void* bytes, size_t size) {
    auto& own = *static_cast<state*>(self);
    if (auto sent = own.to({static_cast<const char*>(bytes), size}); !sent) {
      own.failure = sent.error();
      return -1;
    }
    return static_cast<la_ssize_t>(size);
  }

  expected<void> result(la_ssize_t status) const {
    if (status >= 0 || status == ARCHIVE_WARN) return {};
    return failure ? failure : make_error(errc::internal);
  }
};

zip_writer::zip_writer(sink to) : state_(std::make_unique<state>()) {
  state_->to = std::move(to);
  auto* out = state_->out.get();
  archive_write_set_format_zip(out);
  archive_write_set_bytes_in_last_block(out, 1);
  archive_write_open(out, state_.get(), nullptr, &state::on_write, nullptr);
}

zip_writer::~zip_writer() = default;

// Without a size, which nobody knows yet: it follows the bytes.
expected<void> zip_writer::begin(const std::string& name, instant changed_at) {
  std::unique_ptr<archive_entry, entry_end> entry{archive_entry_new()};
  archive_entry_set_pathname_utf8(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  archive_entry_set_mtime(entry.get(), changed_at.ms / 1000, 0);
  return state_->result(archive_write_header(state_->out.get(), entry.get()));
}

expected<void> zip_writer::write(std::string_view bytes) {
  return state_->result(archive_write_data(state_->out.get(), bytes.data(), bytes.size()));
}

expected<void> zip_writer::finish() {
  return state_->result(archive_write_close(state_->out.get()));
}

}  // namespace parley
