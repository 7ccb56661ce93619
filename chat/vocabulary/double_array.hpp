/// Lays out all tokens as the double array of bpe_format::trie.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace parley {

/// Deterministic. Nodes on the way to low ranks, which are the frequent tokens, lie close together.
std::vector<uint64_t> make_double_array(const std::vector<std::string>& tokens);

}  // namespace parley
