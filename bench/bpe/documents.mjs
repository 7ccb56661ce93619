// Cuts a text into documents of whole lines, exactly as bench/bpe_bench.cpp does.
const documentBytes = 16 * 1024;

export function documentsOf(bytes) {
  const documents = [];
  for (let begin = 0; begin < bytes.length;) {
    const lineEnd = bytes.indexOf(10, begin + documentBytes);
    const end = lineEnd < 0 ? bytes.length : lineEnd + 1;
    documents.push(bytes.subarray(begin, end));
    begin = end;
  }
  return documents;
}
