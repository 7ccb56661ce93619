#include "chat/summary_prompt.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("the writer of a summary is told the notes and how the conversation went on") {
  std::vector<told_message> told{{message_role::user, "My cat is called Ada."},
                                 {message_role::assistant, "A fine name."}};
  auto first = summary_request("", told);
  CHECK(first.find("The conversation:") == 0);
  CHECK(first.find("User: My cat is called Ada.") != std::string::npos);
  CHECK(first.find("Assistant: A fine name.") != std::string::npos);
  auto next = summary_request("- a cat, Ada", told);
  CHECK(next.find("The notes so far:\n\n- a cat, Ada") == 0);
  CHECK(next.find("went on") != std::string::npos);
  session_summary summary;
  summary.text = "- a cat, Ada";
  CHECK(summary_text(summary).find("- a cat, Ada") != std::string::npos);
}
