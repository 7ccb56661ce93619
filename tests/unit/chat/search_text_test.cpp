// What search sees of a text, of a question, and what it shows.
#include <catch2/catch.hpp>
#include <random>

#include "chat/search_text.hpp"

using namespace parley;

namespace {

std::string words(std::string_view text) {
  std::string out;
  for (const auto& token : search_tokens(text)) out += (out.empty() ? "" : " ") + token.text;
  return out;
}

std::string match(std::string_view question, bool completes = true) {
  return match_expression(parse_search(question), 1, completes);
}

/// Hits in brackets.
std::string excerpt(std::string_view text, std::string_view question) {
  std::string out;
  for (const auto& [piece, hit] : search_excerpt(text, parse_search(question)))
    out += hit ? "[" + piece + "]" : piece;
  return out;
}

}  // namespace

TEST_CASE("words lose their case and diacritics") {
  CHECK(words("Hello, WORLD! x_y 42") == "hello world x y 42");
  CHECK(words("naïve Ångström ŁÓDŹ straße Œuvre") == "naive angstrom lodz strasse oeuvre");
  CHECK(words("ΣΊΣΥΦΟΣ Ὀδυσσεύς") == "σισυφοσ οδυσσευσ");
  CHECK(words("Ёлка ЙОД Ґанок") == "елка иод ґанок");
  CHECK(words("Việt Nam ﬁn") == "viet nam ﬁn");
  CHECK(words("Ｆｕｌｌ １２") == "full 12");
  CHECK(words("…—«»„“ ☂ 🎉 \xff\xc3").empty());
}

TEST_CASE("the spellings of one text are one") {
  CHECK(words("e\u0301te\u0301") == words("été"));
  CHECK(words("и\u0306од") == words("йод"));
  CHECK(words("か\u3099く") == words("がく"));
  CHECK(words("ｶﾞｸﾊﾟ") == words("ガクパ"));
  CHECK(words("\u1112\u1161\u11ab\u1100\u116e\u11a8") == words("한국"));
  CHECK(words("so\u00adft") == "soft");
}

TEST_CASE("runs without spaces become pairs, and their last character") {
  CHECK(words("北京大学") == "北京 京大 大学 学");
  CHECK(words("한국어를 배워요") == "한국 국어 어를 를 배워 워요 요");
  CHECK(words("東京タワー") == "東京 京タ タワ ワー ー");
  CHECK(words("使用Qt6库，好") == "使用 用 qt6 库 好");
  CHECK(words("𠮷野") == "𠮷野 野");
}

TEST_CASE("tokens know their place in the text") {
  std::string_view text = "Ü, 한국 e\u0301";
  std::vector<std::string> places;
  for (const auto& token : search_tokens(text))
    places.emplace_back(text.substr(token.begin, token.end - token.begin));
  CHECK(places == std::vector<std::string>{"Ü", "한국", "국", "e\u0301"});
}

TEST_CASE("what is too long is cut") {
  CHECK(words(std::string(1000, 'a')).size() <= search_word_bytes_max);
  auto long_text = std::string(search_text_bytes_max, ' ') + "behind";
  CHECK(words(long_text).empty());
  CHECK(words(std::string(search_text_bytes_max - 1, ' ') + "é").empty());
}

TEST_CASE("a text goes into the index as its owner's") {
  CHECK(indexed_text(1, "One two") == "1.one 1.two");
  CHECK(indexed_text(36, "One") == "10.one");
  CHECK(indexed_text(7, " , ").empty());
}

TEST_CASE("a long text is indexed as if it were one piece") {
  std::string text;
  for (int i = 0; i < 4000; ++i) {
    text += i % 7 == 0 ? "Größe" : i % 5 == 0 ? "聊天记录" : "word" + std::to_string(i);
    text += i % 11 == 0 ? "\n" : i % 3 == 0 ? "," : " ";
    if (i == 2000) text += std::string(9000, 'x') + "大模型";
  }
  std::string expected;
  for (const auto& token : search_tokens(text))
    expected += (expected.empty() ? "1." : " 1.") + token.text;
  CHECK(indexed_text(1, text) == expected);
}

TEST_CASE("ASCII goes into the index by a short cut, as the words that are found in it") {
  std::mt19937 chance{7};
  for (int run = 0; run < 300; ++run) {
    std::string text;
    for (auto left = chance() % 300; left > 0; --left)
      text += static_cast<char>(chance() % 3 == 0 ? chance() % 128 : 'X' + chance() % 12);
    text += std::string(chance() % 100, 'Q');
    std::string expected;
    for (const auto& token : search_tokens(text))
      expected += (expected.empty() ? "1." : " 1.") + token.text;
    CHECK(indexed_text(1, text) == expected);
  }
}

TEST_CASE("a question is words, phrases and exclusions") {
  CHECK(match("foo bar ") == R"(("1.foo" AND "1.bar"))");
  CHECK(match("\"foo Bar\" baz\t") == R"(("1.foo 1.bar" AND "1.baz"))");
  CHECK(match("foo -bar -\"x y\" ") == R"(("1.foo") NOT "1.bar" NOT "1.x 1.y")");
  CHECK(match("don't ") == R"(("1.don 1.t"))");
  CHECK(match("open \"quote is closed") == R"(("1.open" AND "1.quote 1.is 1.closed"))");
  CHECK_FALSE(parse_search("-foo").has_wanted());
  CHECK_FALSE(parse_search(" \"\" - -- \" .").has_wanted());
}

TEST_CASE("the last word may be typed still") {
  CHECK(match("some wor") == R"(("1.some" AND "1.wor" *))");
  CHECK(match("some wor", false) == R"(("1.some" AND "1.wor"))");
  CHECK(match("some wo") == R"(("1.some" AND "1.wo"))");
  CHECK(match("some wor ") == R"(("1.some" AND "1.wor"))");
  CHECK(match("\"some wor\"") == R"(("1.some 1.wor"))");
  CHECK(match("some -wor") == R"(("1.some") NOT "1.wor")");
  CHECK(match("some wor.") == R"(("1.some" AND "1.wor"))");
}

TEST_CASE("runs in questions are phrases of pairs") {
  CHECK(match("北京") == R"(("1.北京"))");
  CHECK(match("京大学") == R"(("1.京大 1.大学"))");
  CHECK(match("学 ", false) == R"(("1.学" *))");
  CHECK(match("Qt库", false) == R"(("1.qt 1.库" *))");
  CHECK(match("用Qt", false) == R"(("1.用 1.qt"))");
  CHECK(match("-学 a") == R"(("1.a") NOT "1.学" *)");
}

TEST_CASE("nothing in a question is syntax") {
  CHECK(match("a* OR b ^c text:d (e) {f} NEAR(g) NOT h+i ") ==
        R"(("1.a" AND "1.or" AND "1.b" AND "1.c" AND "1.text 1.d" AND "1.e" AND "1.f" AND)"
        R"( "1.near 1.g" AND "1.not" AND "1.h 1.i"))");
  CHECK(match("x\"\"\"y'; DROP ") == R"(("1.x" AND "1.y 1.drop"))");
  auto many = std::string{};
  for (int i = 0; i < 1000; ++i) many += "a ";
  CHECK(parse_search(many).phrases.size() <= search_question_bytes_max / 2);
}

TEST_CASE("an excerpt marks what was asked") {
  CHECK(excerpt("The Quick, brown fox", "quick fox ") == "The [Quick], brown [fox]");
  CHECK(excerpt("Quick brown", "qui") == "[Quick] brown");
  CHECK(excerpt("Quick brown", "qui ") == "Quick brown");
  CHECK(excerpt("very good, good", "\"very good\"") == "[very good], good");
  CHECK(excerpt("Été à Paris", "ete ") == "[Été] à Paris");
  CHECK(excerpt("我在北京大学", "京大学 ") == "我在北[京大学]");
  CHECK(excerpt("我在北京大学", "北") == "我在[北]京大学");
  CHECK(excerpt("a b", "a -b") == "[a] b");
  CHECK(excerpt("", "a").empty());
}

TEST_CASE("an excerpt is the part where most of it stands") {
  std::string text = "apple " + std::string(600, 'x') + " apple pear " + std::string(600, 'y');
  auto shown = excerpt(text, "pear apple ");
  CHECK(shown.find("[apple] [pear] yyy") != std::string::npos);
  CHECK(shown.starts_with("\u2026"));
  CHECK(shown.ends_with("\u2026"));
  CHECK(shown.size() < 300);
  // Characters stay whole wherever it is cut.
  std::string wide;
  for (int i = 0; i < 300; ++i) wide += "é한";
  auto around = wide;
  around += " pear ";
  around += wide;
  for (const auto& [piece, hit] : search_excerpt(around, parse_search("pear "))) {
    CHECK((piece.front() & 0xc0) != 0x80);
    CHECK(search_tokens(piece).size() > 0);
  }
}
