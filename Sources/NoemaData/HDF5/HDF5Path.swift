internal import CHDF5
internal import NoemaTensor

/// The way to an object of a file, from group to group.
struct HDF5Path: Sendable, Hashable {
  /// The names on the way; empty for the root.
  let names: [String]

  /// Splits a path at its slashes; one at the beginning or the end counts for nothing.
  ///
  /// - Throws: `DataError` for names that the library would not take as names.
  init(_ text: String, at place: String) throws(DataError) {
    let trimmed = text.drop { $0 == "/" }
    var parts = trimmed.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    while parts.last == "" { parts.removeLast() }
    guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0.utf8.contains(0) }) else {
      throw DataError(
        .parameters("'\(text)' is no path of names and single slashes, such as '/group/dataset'"), at: place)
    }
    names = parts
  }

  /// The path as the library takes it.
  var text: String { "/" + names.joined(separator: "/") }
}

extension HDF5Path {
  /// Opens the object, going from name to name through objects of this file only.
  ///
  /// Soft links are not followed, since they may lead through links to other files.
  ///
  /// - Returns: an identifier to be given to `H5Oclose`.
  /// - Throws: `DataError` when a name is missing or leads out of the file.
  func open(in file: Int64, at place: String) throws(DataError) -> Int64 {
    var object = nh5_open(file, "/")
    guard object >= 0 else { throw HDF5Library.unreadable("open '/'", at: place) }
    for (depth, name) in names.enumerated() {
      let parent = object
      defer { H5Oclose(parent) }
      let here = "/" + names[...depth].joined(separator: "/")
      guard nh5_object(parent) == Int32(nh5_group) else {
        throw DataError(.malformed("'\(here)' lies in a data set, which holds no objects"), at: place)
      }
      switch nh5_link(parent, name) {
      case Int32(nh5_hard_link): break
      case Int32(nh5_other_link):
        throw DataError(
          .unsupported("'\(here)' is a link to another place, which is not followed; copy what it means"),
          at: place)
      case Int32(nh5_no_link):
        let siblings = try HDF5Path.names(in: parent, at: place)
        throw DataError(
          .unknownName(
            here, what: "object", suggestions: Self.suggestions(for: name, siblings, depth, names)),
          at: place)
      default: throw HDF5Library.unreadable("look up '\(here)'", at: place)
      }
      object = nh5_open(parent, name)
      guard object >= 0 else { throw HDF5Library.unreadable("open '\(here)'", at: place) }
    }
    return object
  }

  /// The most names of a group that are read.
  private static let nameLimit = 1 << 20

  /// The names of a group's links, in the order of their bytes.
  static func names(in group: Int64, at place: String) throws(DataError) -> [String] {
    let names = NameList()
    let status = withExtendedLifetime(names) {
      nh5_names(
        group,
        { name, context in
          guard let name, let context else { return 0 }
          let list = Unmanaged<NameList>.fromOpaque(context).takeUnretainedValue()
          list.names.append(String(cString: name))
          return list.names.count < HDF5Path.nameLimit ? 0 : 1
        }, Unmanaged.passUnretained(names).toOpaque())
    }
    guard status >= 0 else { throw HDF5Library.unreadable("list a group", at: place) }
    guard status == 0 else {
      throw DataError(.tooLarge("a group of \(nameLimit) names or more"), at: place)
    }
    return names.names
  }

  private static func suggestions(
    for name: String, _ siblings: [String], _ depth: Int, _ names: [String]
  ) -> [String] {
    let near = siblings.count <= 200 && name.count <= 64 ? EditDistance.nearest(name, in: siblings) : []
    let parent = names[..<depth].map { "/" + $0 }.joined()
    return (near.isEmpty ? Array(siblings.prefix(3)) : near).map { "\(parent)/\($0)" }
  }
}

private final class NameList {
  var names: [String] = []
}
