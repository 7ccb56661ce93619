#include "storage/page.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace parley::storage {

namespace {
constexpr size_t hash_bytes = 8;
constexpr size_t cursor_bytes_max = 256;
}  // namespace

page_plan::page_plan(std::string_view list, const page_request& request) : request_(request) {
  bind_to(list);
  bind_to(request.is_descending ? "-" : "+");
}

void page_plan::bind_to(std::string_view filter) {
  filter_ += key_of(static_cast<int64_t>(filter.size()));
  filter_ += filter;
}

expected<void> page_plan::check(size_t key_bytes, size_t text_bytes_max) {
  if (request_.limit < 1 || request_.limit > page_items_max)
    return make_error(errc::invalid_input, "limit_out_of_range",
                      "The limit must be between 1 and 100.");
  filter_ = sha256(filter_).substr(0, hash_bytes);
  if (request_.cursor.empty()) return {};
  auto bytes =
      request_.cursor.size() <= cursor_bytes_max ? parse_base64url(request_.cursor) : std::nullopt;
  if (!bytes || bytes->size() < hash_bytes + key_bytes ||
      bytes->size() > hash_bytes + key_bytes + text_bytes_max || !bytes->starts_with(filter_))
    return make_error(errc::malformed, "cursor_mismatch", "This cursor belongs to another list.");
  key_ = bytes->substr(hash_bytes);
  return {};
}

std::string page_plan::after(std::string_view columns, std::string_view parameters) const {
  if (key_.empty()) return {};
  return " AND " + std::string{columns} + (request_.is_descending ? "<" : ">") +
         std::string{parameters};
}

std::string page_plan::cursor_at(std::string_view key) const {
  return base64url(filter_ + std::string{key});
}

std::string key_of(int64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8)
    key[static_cast<size_t>(i)] = static_cast<char>(number);
  return key;
}

int64_t number_in_key(std::string_view key) {
  uint64_t number = 0;
  for (auto byte : key.substr(0, 8)) number = number << 8 | static_cast<uint8_t>(byte);
  return static_cast<int64_t>(number);
}

size_t row_bytes(const query& row) {
  size_t bytes = 0;
  for (int i = 0; i < row.columns(); ++i) bytes += row.text_bytes(i);
  return bytes;
}

}  // namespace parley::storage
