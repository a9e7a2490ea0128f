extension Feature {
  /// The levels of a concept that is there or is not.
  private static let presenceLevels = ["absent", "present"]

  /// A concept that an example shows or does not: rules say `grass` and `not grass`.
  ///
  /// - Parameter origin: where the concept is read, for people.
  public static func presence(_ name: String, origin: String? = nil) -> Feature {
    Feature(name, kind: .categorical(levels: presenceLevels), origin: origin)
  }

  /// Whether the feature has the levels `absent` and `present`, in this order.
  public var isPresence: Bool { kind == .categorical(levels: Feature.presenceLevels) }
}
