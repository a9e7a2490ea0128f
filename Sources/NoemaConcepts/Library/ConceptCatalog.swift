internal import NoemaTensor

/// The concepts that Noema draws itself.
public enum ConceptCatalog {
  /// All generators: textures, colours, shapes, and last the random pool.
  public static let all: [ConceptGenerator] =
    RegularTextures.all + IrregularTextures.all + Colours.all + Shapes.all + [RandomPool.random]

  /// The generator of a name.
  ///
  /// - Throws: `ConceptError` with the nearest names if there is none.
  public static func generator(named name: String) throws -> ConceptGenerator {
    if let generator = all.first(where: { $0.name == name }) { return generator }
    let suggestions = EditDistance.nearest(name, in: all.map(\.name))
    throw ConceptError(.unknownName(name, what: "generated concept", suggestions: suggestions))
  }
}
