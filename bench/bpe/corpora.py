#!/usr/bin/env python3
"""Gathers the corpora of the token benches into a folder: corpora.py FOLDER.

Nothing of them is kept in the repository. English, C++ and JavaScript are files of installed
Debian and npm packages, Chinese, Japanese and Russian the manual pages that Debian translates
(fetched, not installed), Markdown, JSON and emoji are written here from word lists, with a fixed
seed.
"""
import gzip
import json
import pathlib
import random
import re
import subprocess
import sys
import unicodedata

CORPUS_BYTES = 1_000_000
MANUALS = {'chinese': 'manpages-zh', 'japanese': 'manpages-ja', 'russian': 'manpages-ru'}
SCRIPTS = {'chinese': '[\u4e00-\u9fff]', 'japanese': '[\u3041-\u30ff]',
           'russian': '[\u0410-\u044f]'}
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

WORDS = '''
server message user window token reply stream model answer question session history provider limit
queue actor thread database commit record error client request header timeout buffer network
storage schema index backup deploy container version release update configure review measure
latency memory cache lock signal process handler route parser number letter language sentence
summary simple careful quick exact wrong large small broken recent public private nightly optional
required explain describe compare fix rename remove write read test build start stop resume cancel
retry send the a an this that every some when while because although before after without into
about between of is are was were can should must might will does has have it we you they which how
why where and or'''
WORDS = WORDS.split()
PEOPLE = 'Ana Bo Chen Divya Emre Farah Goran Hana Ines Jonas Kaito Lena Mateo Noor'.split()


def read_files(patterns, keep=lambda text: True):
    """Whole files, each text once, until there is enough."""
    texts, seen, size = [], set(), 0
    for root, pattern in patterns:
        for path in sorted(pathlib.Path(root).glob(pattern)):
            if not path.is_file() or size >= CORPUS_BYTES:
                continue
            text = path.read_text('utf-8', errors='ignore')
            if text[:400] in seen or not keep(text):
                continue
            seen.add(text[:400])
            texts.append(text)
            size += len(text.encode())
    return '\n'.join(texts)


def is_written(text):
    """Source as people write it: no bundles, no data."""
    lines = text.splitlines()
    return len(lines) > 5 and len(text) / len(lines) < 80 and max(map(len, lines)) < 400


def read_english():
    """The prose of Perl's manuals: paragraphs that are neither code nor markup."""
    pods = sorted(pathlib.Path('/usr/share/perl').rglob('*.pod')) + sorted(
        pathlib.Path('/usr/share/perl').rglob('*.pm'))
    texts = [path.read_text('utf-8', errors='ignore')
             for path in sorted(pathlib.Path('/usr/share/common-licenses').iterdir())
             if path.is_file() and not path.is_symlink()]
    for path in pods:
        for part in path.read_text('utf-8', errors='ignore').split('\n\n'):
            is_prose = re.match(r"[A-Z][a-z' ]", part) and not re.search(r'[{};$]', part)
            if is_prose and len(part) > 120:
                texts.append(re.sub(r'[A-Z]<+ ?([^<>]*?) ?>+', r'\1', part))
    return '\n\n'.join(texts)


def read_manuals(language, folder):
    package = MANUALS[language]
    if not list(folder.glob(package + '*.deb')):
        subprocess.run(['apt-get', 'download', '-q', package], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
    unpacked = folder / package
    subprocess.run(['dpkg-deb', '-x', next(folder.glob(package + '*.deb')), unpacked], check=True)
    lines, seen, size = [], set(), 0
    for path in sorted(unpacked.rglob('*.gz'), key=lambda path: path.name):
        if path.is_symlink() or size >= CORPUS_BYTES:
            continue
        for line in gzip.decompress(path.read_bytes()).decode('utf-8', 'ignore').splitlines():
            line = re.sub(r'\\f.|\\[&|^]|^\.\S+ ?', '', line).replace('\\-', '-').strip('"')
            if line in seen or len(re.findall(SCRIPTS[language], line)) * 3 < len(line):
                continue
            seen.add(line)
            lines.append(line)
            size += len(line.encode()) + 1
    return '\n'.join(lines)


def sentence(dice):
    words = [dice.choice(WORDS) for _ in range(dice.randint(5, 18))]
    return ' '.join(words).capitalize() + dice.choice('..?!')


def write_markdown(dice):
    """What assistants answer: paragraphs, lists, tables and code from this repository."""
    sources = [path.read_text() for folder in ('base', 'chat', 'bench')
               for path in sorted((REPOSITORY / folder).glob('*.cpp'))]
    parts, size = [], 0
    while size < CORPUS_BYTES:
        part = f'## {sentence(dice)[:-1]}\n\n'
        part += f'{sentence(dice)} **{dice.choice(WORDS)}** {sentence(dice)}\n\n'
        part += ''.join(f'{i}. `{dice.choice(WORDS)}_{dice.choice(WORDS)}`: {sentence(dice)}\n'
                        for i in range(1, dice.randint(3, 7)))
        part += '\n| name | meaning | limit |\n|---|---|---|\n' + ''.join(
            f'| {dice.choice(WORDS)} | {sentence(dice)} | {dice.randint(1, 90000)} |\n'
            for _ in range(3))
        lines = dice.choice(sources).splitlines()
        start = dice.randrange(len(lines))
        part += '\n```cpp\n' + '\n'.join(lines[start:start + 12]) + '\n```\n\n'
        parts.append(part)
        size += len(part.encode())
    return ''.join(parts)


def write_json(dice):
    """Answers of an HTTP interface, indented or not, beside npm's own package files."""
    found = read_files([('/usr/share/nodejs', '**/package.json'),
                        (REPOSITORY / 'bench/bpe/node_modules', '**/package.json')])
    parts, size = [found[:CORPUS_BYTES // 2]], len(found[:CORPUS_BYTES // 2].encode())
    while size < CORPUS_BYTES:
        time = f'{dice.randint(10, 23)}:{dice.randint(10, 59)}:{dice.randint(10, 59)}'
        record = {'id': '%032x' % dice.getrandbits(128),
                  'createdAt': f'2026-0{dice.randint(1, 9)}-{dice.randint(10, 28)}T{time}Z',
                  'author': {'name': dice.choice(PEOPLE), 'admin': dice.random() < 0.1},
                  'content': sentence(dice), 'tokens': dice.randint(1, 40000),
                  'score': round(dice.random(), 6), 'parent': None,
                  'tags': [dice.choice(WORDS) for _ in range(dice.randint(0, 5))]}
        part = json.dumps(record, indent=dice.choice([None, 2])) + '\n'
        parts.append(part)
        size += len(part)
    return ''.join(parts)


def write_emoji(dice):
    blocks = ((0x1f300, 0x1f650), (0x1f680, 0x1f6d0), (0x1f900, 0x1fa00), (0x2600, 0x27b0))
    symbols = [chr(c) for first, last in blocks for c in range(first, last)
               if unicodedata.category(chr(c)) == 'So']
    people, skins = '\U0001f468\U0001f469\U0001f9d1', [chr(c) for c in range(0x1f3fb, 0x1f400)]
    flag = [chr(c) for c in range(0x1f1e6, 0x1f200)]
    parts, size = [], 0
    while size < CORPUS_BYTES:
        kind = dice.random()
        if kind < 0.6:
            mark = ''.join(dice.choice(symbols) for _ in range(dice.randint(1, 4)))
        elif kind < 0.8:
            tool = dice.choice('\U0001f4bb\U0001f52c\U0001f680')
            mark = dice.choice(people) + dice.choice(skins) + '\u200d' + tool
        elif kind < 0.9:
            mark = dice.choice(flag) + dice.choice(flag)
        else:
            mark = dice.choice('\u2764\u2600\u2708\u263a') + '\ufe0f'
        text = ' '.join(dice.choice(WORDS) for _ in range(dice.randint(0, 3)))
        part = f'{text} {mark}' + dice.choice([' ', ' ', '\n', '! '])
        parts.append(part)
        size += len(part.encode())
    return ''.join(parts)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(20260101)
    npm = [('/usr/lib/node_modules/npm', '**/*.js'), ('/usr/share/nodejs', '**/*.js'),
           (REPOSITORY / 'bench/bpe/node_modules/gpt-tokenizer/src', '*.ts')]
    corpora = {
        'english': read_english(),
        'cpp': read_files([('/usr/include/c++', '12/*'), ('/usr/include/caf', '**/*.hpp')]),
        'javascript': read_files(npm, is_written),
        'json': write_json(dice),
        'markdown': write_markdown(dice),
        'chinese': read_manuals('chinese', folder),
        'japanese': read_manuals('japanese', folder),
        'russian': read_manuals('russian', folder),
        'emoji': write_emoji(dice),
    }
    for name, text in corpora.items():
        data = text.encode()[:CORPUS_BYTES].decode('utf-8', 'ignore').encode()
        (folder / (name + '.txt')).write_bytes(data)
        print(f'{name}: {len(data):,} bytes')


if __name__ == '__main__':
    main()
