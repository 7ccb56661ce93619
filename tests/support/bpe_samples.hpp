/// The official vectors and the engines of this build's tables, for tests of exact counting.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chat/bpe.hpp"

namespace parley::test {

struct bpe_vector {
  std::string kind;
  std::string text;
  std::vector<uint32_t> cl100k, o200k;  ///< the ids tiktoken's encode_ordinary gives
};

/// tests/golden/bpe/vectors.jsonl: 2,500 synthetic strings. Read once.
const std::vector<bpe_vector>& bpe_vectors();

/// The engines over this build's tables; fails the test with one clear sentence without them.
const bpe& cl100k_engine();
const bpe& o200k_engine();

}  // namespace parley::test
