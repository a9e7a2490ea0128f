internal import Foundation

/// A Jupyter notebook whose outputs are stored, so that it opens complete and can be run again.
///
/// - Source: the notebook format 4.5 (`nbformat`).
public struct Notebook: Sendable {
  /// What a code cell showed.
  public enum Output: Sendable, Hashable {
    /// Printed text.
    case text(String)
    /// A figure: SVG always, PNG where it could be made (a notebook that is not trusted shows no SVG).
    case figure(svg: String, png: [UInt8]?, description: String)
  }

  private enum Cell: Sendable {
    case markdown(String)
    case code(String, [Output])
  }

  private var cells: [Cell] = []

  /// Makes an empty notebook.
  public init() {}

  /// Appends a Markdown cell. Words from data must have gone through ``Escape/markdown(_:)``.
  public mutating func markdown(_ source: String) { cells.append(.markdown(source)) }

  /// Appends a code cell with what it showed.
  public mutating func code(_ source: String, outputs: [Output] = []) { cells.append(.code(source, outputs)) }

  /// The sources of the code cells, in order.
  public var codeSources: [String] {
    cells.compactMap { if case .code(let source, _) = $0 { source } else { nil } }
  }

  /// The notebook's file.
  ///
  /// - Throws: what the JSON encoder throws.
  public func json() throws -> String {
    var count = 0
    let list = cells.enumerated().map { index, cell -> JSON in
      let id = JSON.string("cell-\(index + 1)")
      switch cell {
      case .markdown(let source):
        return .object([
          "cell_type": .string("markdown"), "id": id, "metadata": .object([:]), "source": lines(source),
        ])
      case .code(let source, let outputs):
        count += 1
        return .object([
          "cell_type": .string("code"), "id": id, "metadata": .object([:]), "source": lines(source),
          "execution_count": .integer(count), "outputs": .array(outputs.map(output)),
        ])
      }
    }
    let kernel: JSON = .object([
      "display_name": .string("Python 3"), "language": .string("python"), "name": .string("python3"),
    ])
    let document: JSON = .object([
      "cells": .array(list), "nbformat": .integer(4), "nbformat_minor": .integer(5),
      "metadata": .object(["kernelspec": kernel, "language_info": .object(["name": .string("python")])]),
    ])
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
  }

  private func output(_ output: Output) -> JSON {
    switch output {
    case .text(let text):
      return .object(["output_type": .string("stream"), "name": .string("stdout"), "text": lines(text)])
    case .figure(let svg, let png, let description):
      var data: [String: JSON] = ["image/svg+xml": lines(svg), "text/plain": lines(description)]
      if let png { data["image/png"] = .string(Data(png).base64EncodedString()) }
      return .object([
        "output_type": .string("display_data"), "metadata": .object([:]), "data": .object(data),
      ])
    }
  }

  /// The format keeps text as lines with their ends.
  private func lines(_ text: String) -> JSON {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { "\($0)\n" }
    if let last = lines.popLast(), last != "\n" { lines.append(String(last.dropLast())) }
    return .array(lines.map(JSON.string))
  }
}

/// The JSON values that a notebook consists of.
private enum JSON: Encodable {
  case string(String), integer(Int), array([JSON]), object([String: JSON])

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .string(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}
