/// make_bpe_tables <cl100k|o200k> <ranks.tiktoken> <classes.txt> <output.bpe>: the table file of
/// one vocabulary from the official rank file and the classes that unicode_classes.cjs prints. The
/// same input gives the same bytes.
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <sstream>

#include "chat/bpe_format.hpp"
#include "chat/vocabulary/double_array.hpp"
#include "chat/vocabulary/ranks.hpp"

namespace parley {
namespace {

namespace format = bpe_format;

struct source {
  std::string_view name;
  format::pattern split;
  std::string_view sha256;
};

// The hashes that tiktoken 0.12's openai_public.py expects of these files.
constexpr source sources[] = {
    {"cl100k", format::pattern::cl100k,
     "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"},
    {"o200k", format::pattern::o200k,
     "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"},
};

struct table_parts {
  std::vector<uint64_t> tokens, trie, pairs, filter;
  std::vector<uint16_t> class_index;
  std::vector<uint8_t> class_blocks;
};

void make_pairs(const std::vector<token_halves>& halves, table_parts& parts) {
  parts.pairs.assign(std::bit_ceil(halves.size() * 2), format::pair::empty);
  // Ten bits a pair: about one miss in thirty gets past the filter.
  parts.filter.assign(std::bit_ceil(halves.size() * 10) / 64, 0);
  for (uint32_t id = 0; id < halves.size(); ++id) {
    if (halves[id].left == id) continue;
    auto key = format::pair::key(halves[id].left, halves[id].right);
    auto hash = format::pair::hash(key);
    auto at = format::pair::home(hash, parts.pairs.size());
    while (parts.pairs[at] != format::pair::empty) at = (at + 1) & (parts.pairs.size() - 1);
    parts.pairs[at] = format::pair::pack(key, id);
    parts.filter[format::pair::filter_word(hash, parts.filter.size())] |=
        format::pair::filter_bits(hash);
  }
}

expected<std::vector<uint8_t>> read_classes(const std::string& path) {
  namespace character = format::character;
  const std::map<std::string, uint8_t> bits = {
      {"upper", character::upper | character::letter},
      {"lower", character::lower | character::letter},
      {"caseless", character::upper | character::lower | character::letter},
      {"mark", character::upper | character::lower | character::other},
      {"number", character::number},
      {"space", character::space}};
  std::ifstream file{path};
  std::vector<uint8_t> classes(character::code_points, 0);
  std::string name;
  uint32_t first = 0, last = 0;
  size_t lines = 0;
  for (; file >> name >> std::hex >> first >> last; ++lines) {
    auto found = bits.find(name);
    if (found == bits.end() || first > last || last >= character::code_points)
      return make_error(errc::corrupt_data, path + " has an unknown line");
    for (auto code_point = first; code_point <= last; ++code_point) {
      if (classes[code_point] != 0) return make_error(errc::corrupt_data, path + " overlaps");
      classes[code_point] = found->second;
    }
  }
  if (lines < 2'000 || !file.eof()) return make_error(errc::corrupt_data, path + " is truncated");
  for (auto& value : classes) {
    if (value == 0) value = character::other;
  }
  for (auto code_point : {'\r', '\n'})
    classes[static_cast<size_t>(code_point)] |= character::line_end;
  return classes;
}

void make_classes(std::span<const uint8_t> classes, table_parts& parts) {
  constexpr size_t block_size = size_t{1} << format::character::block_bits;
  std::map<std::vector<uint8_t>, uint16_t> known;
  for (size_t at = 0; at < classes.size(); at += block_size) {
    auto part = classes.subspan(at, block_size);
    std::vector<uint8_t> block{part.begin(), part.end()};
    auto [place, is_new] = known.try_emplace(block, static_cast<uint16_t>(known.size()));
    if (is_new) parts.class_blocks.insert(parts.class_blocks.end(), block.begin(), block.end());
    parts.class_index.push_back(place->second);
  }
}

template <class T>
void append(std::string& file, format::section_place& place, const std::vector<T>& values) {
  file.resize((file.size() + format::section_alignment - 1) / format::section_alignment *
              format::section_alignment);
  place = {file.size(), values.size() * sizeof(T)};
  file.append(reinterpret_cast<const char*>(values.data()), place.bytes);
}

std::string make_file(const source& from, const rank_table& ranks, const table_parts& parts) {
  format::file_header header{};
  std::memcpy(header.magic, format::magic, sizeof header.magic);
  header.version = format::version;
  header.split = from.split;
  header.tokens = static_cast<uint32_t>(parts.tokens.size());
  header.token_bytes_max = ranks.token_bytes_max();
  std::string file(sizeof header, '\0');
  append(file, header.sections[format::token_section], parts.tokens);
  append(file, header.sections[format::trie_section], parts.trie);
  append(file, header.sections[format::pair_section], parts.pairs);
  append(file, header.sections[format::filter_section], parts.filter);
  append(file, header.sections[format::class_index_section], parts.class_index);
  append(file, header.sections[format::class_block_section], parts.class_blocks);
  header.file_bytes = file.size();
  auto bytes = reinterpret_cast<const unsigned char*>(file.data());
  header.checksum = format::checksum(bytes + sizeof header, file.size() - sizeof header);
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

// A reader never sees half a file.
expected<void> write(const std::string& path, const std::string& bytes) {
  auto draft = path + ".new";
  std::ofstream file{draft, std::ios::binary};
  file << bytes << std::flush;
  std::error_code fault;
  if (file) std::filesystem::rename(draft, path, fault);
  if (!file || fault) return make_error(errc::storage_failed, "cannot write " + path);
  return {};
}

expected<void> make_tables(std::span<char*> arguments) {
  const source* from = nullptr;
  for (auto& candidate : sources) {
    if (arguments.size() == 5 && candidate.name == arguments[1]) from = &candidate;
  }
  if (!from) {
    return make_error(errc::invalid_input,
                      "make_bpe_tables <cl100k|o200k> <ranks.tiktoken> <classes.txt> <output.bpe>");
  }
  TRY(auto ranks, rank_table::read(arguments[2], from->sha256));
  TRY(auto classes, read_classes(arguments[3]));
  table_parts parts;
  std::vector<token_halves> halves;
  for (uint32_t id = 0; id < ranks.tokens().size(); ++id) {
    auto [left, right] = halves.emplace_back(ranks.halves_of(id));
    auto bytes = static_cast<uint32_t>(ranks.tokens()[id].size());
    parts.tokens.push_back(format::token::pack(left, right, ranks.prefix_of(id), bytes));
  }
  make_pairs(halves, parts);
  parts.trie = make_double_array(ranks.tokens());
  make_classes(classes, parts);
  return write(arguments[4], make_file(*from, ranks, parts));
}

}  // namespace
}  // namespace parley

int main(int count, char** arguments) {
  auto result = parley::make_tables({arguments, static_cast<size_t>(count)});
  if (result) return 0;
  std::fprintf(stderr, "make_bpe_tables: %s\n", parley::sentence_of(result.error()).c_str());
  return 1;
}
