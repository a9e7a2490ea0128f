internal import Foundation
internal import NoemaTensor

/// The tokens that the whole numbers of a network's input stand for, and how they read as words.
///
/// ```swift
/// let vocabulary = try Vocabulary(path: "vocab.txt")
/// vocabulary.piece(7592).text   // "hello"
/// ```
public struct Vocabulary: Sendable, Hashable {
  /// How tokens are marked that begin a word, or that go on with one.
  public enum Marking: String, Sendable, Hashable, CaseIterable {
    /// Every token is a word.
    case words
    /// `##` goes on with a word, as WordPiece has it.
    case continuations
    /// `▁` begins a word, as SentencePiece has it.
    case underscores
    /// `Ġ` is a space and every byte a printable character, as byte-level byte pairs have it.
    case bytes

    fileprivate var mark: String {
      switch self {
      case .words: ""
      case .continuations: "##"
      case .underscores: "▁"
      case .bytes: "Ġ"
      }
    }
  }

  /// A token as one reads it.
  public struct Piece: Sendable, Hashable {
    /// The characters, without marks.
    public var text: String
    /// Whether a word begins here, so that a space stands before it.
    public var startsWord: Bool

    /// Makes a piece of text.
    public init(_ text: String, startsWord: Bool) {
      (self.text, self.startsWord) = (text, startsWord)
    }
  }

  /// The tokens by their numbers, as they are written in the file; empty where a number has none.
  public let tokens: [String]
  /// How they are marked.
  public let marking: Marking

  /// Takes tokens; the marks that most of them carry tell how they are to be read.
  public init(_ tokens: [String]) {
    self.tokens = tokens
    let counts = Marking.allCases.map { marking in
      marking == .words ? 0 : tokens.count { $0.hasPrefix(marking.mark) && $0 != marking.mark }
    }
    let most = counts.max() ?? 0
    marking = most == 0 ? .words : Marking.allCases[counts.firstIndex(of: most) ?? 0]
  }

  /// Reads a file: `.json` with the number of each token, or else text with one token a line.
  ///
  /// - Throws: ``DataError`` when the file is missing, holds no token, or is neither.
  public init(path: String) throws(DataError) {
    let bytes = try FileBytes.read(path: path, limit: Self.byteLimit)
    let tokens =
      path.lowercased().hasSuffix(".json")
      ? try Self.numbered(bytes, at: path) : try Self.lines(bytes, at: path)
    guard tokens.contains(where: { !$0.isEmpty }) else { throw DataError(.empty("the vocabulary"), at: path) }
    self.init(tokens)
  }

  private static let byteLimit = 64 << 20

  /// Lines end with a line feed alone: other line ends of Unicode may be tokens.
  private static func lines(_ bytes: [UInt8], at path: String) throws(DataError) -> [String] {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    while lines.last?.allSatisfy({ $0 == UInt8(ascii: "\r") }) == true { lines.removeLast() }
    var tokens: [String] = []
    for (number, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard let token = String(validating: line, as: UTF8.self) else {
        throw DataError(
          .malformed("line \(number + 1) is not UTF-8 text; a vocabulary has one token a line"), at: path)
      }
      tokens.append(token)
    }
    return tokens
  }

  private static func numbered(_ bytes: [UInt8], at path: String) throws(DataError) -> [String] {
    guard let numbers = try? JSONDecoder().decode([String: Int].self, from: Data(bytes)) else {
      throw DataError(.malformed("expected a JSON object with the number of each token"), at: path)
    }
    // Tokens that were added later may leave gaps, but not many.
    let most = 4 * numbers.count + 1024
    guard let last = numbers.values.max(), numbers.values.allSatisfy({ $0 >= 0 }), last < most else {
      throw DataError(.malformed("tokens must be numbered from 0, without large gaps"), at: path)
    }
    var tokens = [String](repeating: "", count: last + 1)
    for (token, number) in numbers { tokens[number] = token }
    return tokens
  }

  /// A token by its number; a number that has none shows itself.
  public func piece(_ number: Int) -> Piece {
    guard tokens.indices.contains(number), !tokens[number].isEmpty else { return Self.unnamed(number) }
    let token = tokens[number]
    if Self.isSpecial(token) { return Piece(token, startsWord: true) }
    switch marking {
    case .words: return Piece(token, startsWord: true)
    case .continuations:
      guard token.hasPrefix("##"), token.count > 2 else { return Piece(token, startsWord: true) }
      return Piece(String(token.dropFirst(2)), startsWord: false)
    case .underscores: return Self.spaced(token.replacing("▁", with: " "))
    case .bytes: return Self.spaced(ByteCharacters.text(token) ?? token)
    }
  }

  /// A number as a token by itself.
  public static func unnamed(_ number: Int) -> Piece { Piece("⟨\(number)⟩", startsWord: true) }

  /// `[CLS]`, `<s>` and their like stand by themselves.
  private static func isSpecial(_ token: String) -> Bool {
    token.count > 2
      && (token.hasPrefix("[") && token.hasSuffix("]") || token.hasPrefix("<") && token.hasSuffix(">"))
  }

  private static func spaced(_ text: String) -> Piece {
    let shown = text.hasPrefix(" ") ? String(text.dropFirst()) : text
    // What cannot be seen could not be pointed at.
    let visible = shown.replacing("\n", with: "↵").replacing("\t", with: "⇥")
    return Piece(visible.isEmpty ? "␣" : visible, startsWord: text.hasPrefix(" "))
  }
}

/// The printable characters that stand for bytes in byte-level vocabularies.
///
/// - Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019: the encoder of GPT-2.
private enum ByteCharacters {
  /// The byte that a character stands for: Latin letters for themselves, those from U+0100 on for the others in order.
  private static let bytes: [Unicode.Scalar: UInt8] = {
    var bytes: [Unicode.Scalar: UInt8] = [:], others: UInt32 = 0
    for byte in UInt8.min...UInt8.max {
      let isItself = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
      let code = isItself ? UInt32(byte) : 256 + others
      if !isItself { others += 1 }
      if let scalar = Unicode.Scalar(code) { bytes[scalar] = byte }
    }
    return bytes
  }()

  /// The text of a token; nil when a character stands for no byte. Parts of characters show as U+FFFD.
  static func text(_ token: String) -> String? {
    var found: [UInt8] = []
    for scalar in token.unicodeScalars {
      guard let byte = bytes[scalar] else { return nil }
      found.append(byte)
    }
    return String(decoding: found, as: UTF8.self)
  }
}
