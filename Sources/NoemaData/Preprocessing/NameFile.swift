internal import Foundation

/// Files of class names: one name a line, or a CSV with a header and a column `name`.
enum NameFile {
  /// Reads a file that must lie in a folder, links followed.
  ///
  /// - Throws: ``DataError`` naming the file.
  static func read(_ file: String, in folder: String) throws(DataError) -> [String] {
    let inner = try path(of: file, in: folder)
    do throws(DataError) {
      let bytes = try FileBytes.read(path: inner, limit: ModelCard.byteLimit)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw DataError(.malformed("not UTF-8 text; save it as UTF-8"))
      }
      return try file.lowercased().hasSuffix(".csv") ? column(of: text) : lines(of: text)
    } catch {
      throw DataError(error.kind, at: file)
    }
  }

  /// The path of a file that must lie in a folder, links followed.
  ///
  /// - Throws: ``DataError`` naming the file.
  static func path(of file: String, in folder: String) throws(DataError) -> String {
    let path = (folder as NSString).appendingPathComponent(file)
    guard !file.isEmpty, !file.hasPrefix("/"), let inner = resolved(path), let outer = resolved(folder) else {
      throw DataError(file.hasPrefix("/") ? outside : .missingFile, at: file)
    }
    // A card from a stranger must not show what else is on the disk.
    guard inner.hasPrefix(outer.hasSuffix("/") ? outer : outer + "/") else {
      throw DataError(outside, at: file)
    }
    return inner
  }

  private static let outside = DataError.Kind.parameters(
    "leaves the card's folder; put the file beside the card and give its name")

  private static func resolved(_ path: String) -> String? {
    guard let pointer = realpath(path, nil) else { return nil }
    defer { free(pointer) }
    return String(cString: pointer)
  }

  /// Lines without the spaces around them; empty lines at the end do not count.
  private static func lines(of text: String) -> [String] {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  private static func column(of text: String) throws(DataError) -> [String] {
    let rows = lines(of: text).map(fields)
    guard let header = rows.first, let name = header.firstIndex(of: "name") else {
      throw DataError(.malformed("no column 'name' in the header; add one, or use a .txt of one name a line"))
    }
    let index = header.firstIndex(of: "class_index")
    for (number, row) in rows.dropFirst().enumerated() {
      guard row.count == header.count else {
        throw DataError(.malformed("row \(number + 1) has \(row.count) fields, the header \(header.count)"))
      }
      if let index, Int(row[index]) != number {
        throw DataError(.malformed("row \(number + 1) has class_index \(row[index]), expected \(number)"))
      }
    }
    return rows.dropFirst().map { $0[name] }
  }

  /// A line's fields; quotes keep commas, and two quotes within quotes are one.
  private static func fields(of line: String) -> [String] {
    var fields = [""], isQuoted = false, previous: Character = ","
    for character in line {
      switch character {
      case "\"":
        if !isQuoted, previous == "\"" { fields[fields.count - 1].append("\"") }
        isQuoted.toggle()
      case "," where !isQuoted: fields.append("")
      default: fields[fields.count - 1].append(character)
      }
      previous = character
    }
    return fields
  }
}
