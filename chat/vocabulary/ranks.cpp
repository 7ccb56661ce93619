#include "chat/vocabulary/ranks.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

constexpr uint32_t no_token = UINT32_MAX;

error fault(const std::string& sentence) {
  return make_error(errc::corrupt_data, sentence);
}

}  // namespace

expected<rank_table> rank_table::read(const std::string& path, std::string_view sha256) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return fault("cannot read " + path);
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (auto found = hex(parley::sha256(text)); found != sha256)
    return fault(path + " has the sha256 " + found + ", expected " + std::string{sha256});
  rank_table result;
  TRY_DONE(result.parse(text));
  TRY_DONE(result.check());
  return result;
}

// Lines "base64 rank" in the order of the ranks.
expected<void> rank_table::parse(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    auto line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    auto space = line.find(' ');
    auto bytes = parse_base64(line.substr(0, space));
    uint32_t rank = 0;
    auto digits = space == line.npos ? std::string_view{} : line.substr(space + 1);
    auto end = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (!bytes || end.ec != std::errc{} || rank != tokens_.size())
      return fault("line " + std::to_string(tokens_.size() + 1) + " of the rank file is no rank");
    tokens_.push_back(std::move(*bytes));
  }
  ids_.reserve(tokens_.size());
  for (uint32_t id = 0; id < tokens_.size(); ++id) ids_.emplace(tokens_[id], id);
  return {};
}

expected<void> rank_table::check() const {
  if (tokens_.size() >= bpe_format::token::id_mask ||
      token_bytes_max() > bpe_format::token::bytes_max)
    return fault("the vocabulary is larger than the table format");
  if (ids_.size() != tokens_.size()) return fault("a token stands twice in the rank file");
  for (int byte = 0; byte < 256; ++byte) {
    auto c = static_cast<char>(byte);
    if (find({&c, 1}) == no_token) return fault("a single byte is no token");
  }
  return {};
}

uint32_t rank_table::token_bytes_max() const {
  auto is_shorter = [](auto& a, auto& b) { return a.size() < b.size(); };
  return static_cast<uint32_t>(std::ranges::max_element(tokens_, is_shorter)->size());
}

uint32_t rank_table::find(std::string_view bytes) const {
  auto found = ids_.find(bytes);
  return found == ids_.end() ? no_token : found->second;
}

// Merges the token's bytes as tiktoken would, lowest rank first, with ranks below its own.
token_halves rank_table::halves_of(uint32_t token) const {
  std::string_view bytes{tokens_[token]};
  std::vector<size_t> starts(bytes.size() + 1);
  for (size_t i = 0; i < starts.size(); ++i) starts[i] = i;
  auto part = [&](size_t first, size_t last) {
    return find(bytes.substr(starts[first], starts[last] - starts[first]));
  };
  while (starts.size() > 3) {
    uint32_t lowest = token;
    size_t where = 0;
    for (size_t i = 0; i + 2 < starts.size(); ++i) {
      if (auto rank = part(i, i + 2); rank < lowest) {
        lowest = rank;
        where = i;
      }
    }
    if (lowest == token) return {token, token};
    starts.erase(starts.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
  if (starts.size() < 3) return {token, token};
  return {part(0, 1), part(1, 2)};
}

uint32_t rank_table::prefix_of(uint32_t token) const {
  std::string_view bytes{tokens_[token]};
  for (auto size = bytes.size() - 1; size > 0; --size) {
    if (auto prefix = find(bytes.substr(0, size)); prefix != no_token) return prefix;
  }
  return token;
}

}  // namespace parley
