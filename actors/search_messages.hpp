/// What USER and READER are asked by a search.
#pragma once

#include "actors/protocol.hpp"
#include "schema/search.hpp"

namespace parley {

/// READER: what of the owner's has these words.
struct search_texts {
  user_id owner_id;
  std::string question;  ///< as it was typed (chat/search_text.hpp)
  search_filter filter;
  page_request page;
};
PARLEY_INSPECT(search_texts, owner_id, question, filter, page)

/// USER: the same of the caller's.
struct search_own {
  caller who;
  std::string question;
  search_filter filter;
  page_request page;
};
PARLEY_INSPECT(search_own, who, question, filter, page)

}  // namespace parley
