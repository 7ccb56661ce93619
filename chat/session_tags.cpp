#include "chat/session_tags.hpp"

#include <algorithm>

#include "schema/session.hpp"

namespace parley {

expected<std::vector<std::string>> joined_tags(std::vector<std::string> tags,
                                               const std::vector<std::string>& added) {
  tags.insert(tags.end(), added.begin(), added.end());
  std::vector<std::string> each;
  for (auto& tag : tags)
    if (std::find(each.begin(), each.end(), tag) == each.end()) each.push_back(std::move(tag));
  if (each.size() > session_tags_max)
    return make_error(errc::invalid_input, "tags_max",
                      "A session has at most " + std::to_string(session_tags_max) + " tags.");
  return each;
}

}  // namespace parley
