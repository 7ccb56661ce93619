#include <algorithm>
#include <array>

#include "chat/search_text.hpp"

namespace parley {

namespace {

struct fold_range {
  char32_t first;
  std::u16string_view folded;
};

// clang-format off
// Unicode 15: the lower case of a letter without its marks; what has none stays.
constexpr std::array<fold_range, 5> fold_ranges{
    {{0xc0,
      u"aaaaaaæceeeeiiiiðnooooo×ouuuuyþßaaaaaaæceeeeiiiiðnooooo÷ouuuuyþyaaaaaaccccccccddddeeeeee"
      u"eeeegggggggghhhhiiiiiiiiiiĳĳjjkkĸllllllllllnnnnnnŉŋŋooooooœœrrrrrrssssssssttttttuuuuuuuu"
      u"uuuuwwyyyzzzzzzsƀɓƃƃƅƅɔƈƈɖɗƌƌƍǝəɛƒƒɠɣƕɩɨƙƙƚƛɯɲƞɵooƣƣƥƥʀƨƨʃƪƫƭƭʈuuʊʋƴƴƶƶʒƹƹƺƻƽƽƾƿǀǁǂǃǆǆǆǉ"
      u"ǉǉǌǌǌaaiioouuuuuuuuuuǝaaaaææǥǥggkkooooʒʒjǳǳǳggƕƿnnaaææooaaaaeeeeiiiioooorrrruuuussttȝȝhh"
      u"ƞȡȣȣȥȥaaeeooooooooyyȴȵȶȷȸȹⱥȼȼƚⱦȿɀɂɂƀʉʌɇɇɉɉɋɋɍɍɏɏ"},
     {0x370,
      u"ͱͱͳͳʹ͵ͷͷ\u0378\u0379ͺͻͼͽ;ϳ\u0380\u0381\u0382\u0383΄΅α·εηι\u038bο\u038dυωιαβγδεζηθικλμνξο"
      u"πρ\u03a2στυφχψωιυαεηιυαβγδεζηθικλμνξοπρσστυφχψωιυουωϗϐϑϒϒϒϕϖϗϙϙϛϛϝϝϟϟϡϡϣϣϥϥϧϧϩϩϫϫϭϭϯϯϰϱϲ"
      u"ϳθϵ϶ϸϸϲϻϻϼͻͼͽ"},
     {0x400,
      u"ееђгєѕііјљњћкиуџабвгдежзииклмнопрстуфхцчшщъыьэюяабвгдежзииклмнопрстуфхцчшщъыьэюяееђгєѕіі"
      u"јљњћкиуџѡѡѣѣѥѥѧѧѩѩѫѫѭѭѯѯѱѱѳѳѵѵѵѵѹѹѻѻѽѽѿѿҁҁ҂\u0483\u0484\u0485\u0486\u0487\u0488\u0489ҋҋҍ"
      u"ҍҏҏґґғғҕҕҗҗҙҙққҝҝҟҟҡҡңңҥҥҧҧҩҩҫҫҭҭүүұұҳҳҵҵҷҷҹҹһһҽҽҿҿӏжжӄӄӆӆӈӈӊӊӌӌӎӎӏааааӕӕееәәәәжжззӡӡиии"
      u"иооөөөөээууууууччӷӷыыӻӻӽӽӿӿԁԁԃԃԅԅԇԇԉԉԋԋԍԍԏԏԑԑԓԓԕԕԗԗԙԙԛԛԝԝԟԟԡԡԣԣԥԥԧԧԩԩԫԫԭԭ"
      u"ԯ"
      u"ԯ"},
     {0x1e00,
      u"aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppp"
      u"rrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwyẚsẜẝßẟaaaaaaaaaaaaaaaa"
      u"aaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyyỻỻỽỽỿỿ"},
     {0x1f00,
      u"ααααααααααααααααεεεεεε\u1f16\u1f17εεεεεε\u1f1e\u1f1fηηηηηηηηηηηηηηηηιιιιιιιιιιιιιιιιοοοο"
      u"οο\u1f46\u1f47οοοοοο\u1f4e\u1f4fυυυυυυυυ\u1f58υ\u1f5aυ\u1f5cυ\u1f5eυωωωωωωωωωωωωωωωωααεε"
      u"ηηιιοουυωω\u1f7e\u1f7fααααααααααααααααηηηηηηηηηηηηηηηηωωωωωωωωωωωωωωωωααααα\u1fb5ααααααα"
      u"᾽ι᾿῀῁ηηη\u1fc5ηηεεηηη῍῎῏ιιιι\u1fd4\u1fd5ιιιιιι\u1fdc῝῞῟υυυυρρυυυυυυρ῭΅`\u1ff0\u1ff1ωωω"
      u"\u1ff5ωωοοωωω´῾\u1fff"}}};
// clang-format on

// U+FF66 to U+FF9D, the narrow forms.
constexpr std::u16string_view wide_kana =
    u"ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモ"
    u"ヤユヨラリルレロワン";
// Kana that a mark makes voiced; the code points of the results follow theirs.
constexpr std::u16string_view voiced_kana =
    u"かきくけこさしすせそたちつてとはひふへほカキクケコサシスセソタチツテトハヒフヘホ";
constexpr std::u16string_view half_voiced_kana = u"はひふへほハヒフヘホ";

char32_t fold_character(char32_t code) {
  if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
  if (code >= 0xff01 && code <= 0xff5e) return fold_character(code - 0xfee0);
  if (code >= 0xff66 && code <= 0xff9d) return wide_kana[code - 0xff66];
  if (code >= 0x531 && code <= 0x556) return code + 48;
  for (const auto& [first, folded] : fold_ranges)
    if (code >= first && code - first < folded.size()) return folded[code - first];
  return code;
}

bool is_mark(char32_t code) {
  return (code >= 0x300 && code <= 0x36f) || (code >= 0x483 && code <= 0x489) || code == 0xad ||
         (code >= 0x1dc0 && code <= 0x1dff) || code == 0x200c || code == 0x200d ||
         (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xfe20 && code <= 0xfe2f);
}

bool is_one_of(std::u16string_view list, char32_t code) {
  return code < 0x10000 && list.find(static_cast<char16_t>(code)) != std::u16string_view::npos;
}

// Joins a character to the one before it where Unicode knows both as one; 0 where it does not.
char32_t joined(char32_t before, char32_t code) {
  auto is_voice = code == 0x3099 || code == 0xff9e;
  if (is_voice && is_one_of(voiced_kana, before)) return before + 1;
  auto is_half_voice = code == 0x309a || code == 0xff9f;
  if (is_half_voice && is_one_of(half_voiced_kana, before)) return before + 2;
  // Korean syllables (Unicode 15, section 3.12).
  if (before >= 0x1100 && before <= 0x1112 && code >= 0x1161 && code <= 0x1175)
    return 0xac00 + ((before - 0x1100) * 21 + (code - 0x1161)) * 28;
  auto is_open_syllable = before >= 0xac00 && before <= 0xd7a3 && (before - 0xac00) % 28 == 0;
  if (is_open_syllable && code >= 0x11a8 && code <= 0x11c2) return before + (code - 0x11a7);
  return 0;
}

// One code point from `at` on; 0 for a byte that begins none.
std::pair<char32_t, size_t> decode(std::string_view text, size_t at) {
  auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  auto first = byte(0);
  if (first < 0x80) return {first, 1};
  size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (size == 0 || first > 0xf4) return {0, 1};
  char32_t code = first & (0xffU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 1};
    code = code << 6 | (byte(i) & 0x3f);
  }
  return {code, size};
}

}  // namespace

std::vector<folded_character> fold_text(std::string_view text) {
  std::vector<folded_character> out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    auto [code, size] = decode(text, at);
    auto begin = at;
    at += size;
    if (code < 0x80) {
      out.push_back({fold_character(code), begin, at});
      continue;
    }
    auto before = out.empty() ? 0 : out.back().code;
    if (auto one = joined(before, code)) {
      out.back() = {one, out.back().begin, at};
    } else if (is_mark(code)) {
      if (!out.empty() && out.back().end == begin) out.back().end = at;
    } else if (code = fold_character(code); code == 0xdf || code == 0xe6 || code == 0x153) {
      // One character, two letters.
      out.push_back({code == 0xdf ? U's' : code == 0xe6 ? U'a' : U'o', begin, at});
      out.push_back({code == 0xdf ? U's' : U'e', begin, at});
    } else {
      out.push_back({code, begin, at});
    }
  }
  return out;
}

}  // namespace parley
