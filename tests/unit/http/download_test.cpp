#include "http/download.hpp"

#include <catch2/catch.hpp>

using namespace parley::http;

TEST_CASE("a file's name is told in UTF-8, and in ASCII for old clients", "[download]") {
  CHECK(attachment_of("plans.json") ==
        "attachment; filename=\"plans.json\"; filename*=UTF-8''plans.json");
  CHECK(attachment_of("Brücke 橋 100%\"\\.md") ==
        "attachment; filename=\"Br_cke _ 100___.md\"; "
        "filename*=UTF-8''Br%C3%BCcke%20%E6%A9%8B%20100%25%22%5C.md");
  // No header is torn apart, whatever the name.
  CHECK(attachment_of("a\r\nb").find('\n') == std::string::npos);
}
