// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
]

// A target names every target whose module it reads, also through others: SwiftPM builds a target again when the
// modules named here change, and a module that only re-exports does not.
let foundationNames = ["NoemaTensor", "NoemaData", "NoemaGraph"]
let foundations = foundationNames.map { Target.Dependency.byName(name: $0) }
let libraries = foundations + ["NoemaAttribution", "NoemaConcepts", "NoemaRules", "NoemaReport"]

/// A library target of Noema: strict settings, and `libm` because not every target imports Foundation.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: name, dependencies: dependencies, swiftSettings: strict, linkerSettings: [.linkedLibrary("m")])
}

/// The tests of a library target; they stand in the same tree as its sources.
func tests(_ name: String, also others: [String] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: name + "Tests",
    dependencies: Set(foundationNames + others + [name, "NoemaTestSupport"]).sorted()
      .map { .byName(name: $0) },
    resources: resources, swiftSettings: strict)
}

let package = Package(
  name: "Noema",
  products: [
    .library(name: "Noema", targets: ["Noema"]),
    .executable(name: "noema", targets: ["NoemaCommand"]),
    .executable(name: "noema-conformance", targets: ["NoemaConformance"]),
    .executable(name: "noema-fuzz", targets: ["NoemaFuzz"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(name: "CVector", linkerSettings: [.linkedLibrary("m")]),
    .target(name: "CDNNL", linkerSettings: [.linkedLibrary("dnnl"), .linkedLibrary("gomp")]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CLAPACKE", providers: [.apt(["liblapacke-dev"])]),
    .systemLibrary(name: "CARPACK", pkgConfig: "arpack", providers: [.apt(["libarpack2-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5-serial", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    .target(
      name: "ONNXSchema", dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      swiftSettings: [.swiftLanguageMode(.v6)]),
    library("NoemaTensor", ["COpenBLAS", "CLAPACKE", "CCrypto"]),
    library(
      "NoemaGraph",
      [
        "NoemaTensor", "ONNXSchema", "CDNNL", "CVector",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    library(
      "NoemaData",
      ["NoemaTensor", "CHDF5", "CPNG", "CTurboJPEG", "CZlib", .product(name: "Yams", package: "Yams")]),
    library("NoemaAttribution", foundations),
    library(
      "NoemaConcepts",
      foundations + ["NoemaAttribution", "CARPACK", .product(name: "Yams", package: "Yams")]),
    library("NoemaRules", foundations + ["NoemaAttribution", "NoemaConcepts"]),
    library("NoemaReport", foundations + ["NoemaAttribution", "NoemaConcepts", "NoemaRules"]),
    library("Noema", libraries),
    .executableTarget(
      name: "NoemaCommand",
      dependencies: libraries + [
        "Noema", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "NoemaConformance",
      dependencies: [
        "NoemaTensor", "NoemaGraph", "NoemaTestSupport", "ONNXSchema",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "NoemaFuzz",
      dependencies: [
        "NoemaTensor", "NoemaGraph", "ONNXSchema", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    library(
      "NoemaTestSupport",
      foundations + ["ONNXSchema", .product(name: "SwiftProtobuf", package: "swift-protobuf")]),

    tests("NoemaTensor"),
    tests("NoemaGraph", resources: [.copy("Fixtures")]),
    tests("NoemaData"),
    tests("NoemaAttribution", resources: [.copy("Fixtures")]),
    tests("NoemaConcepts", resources: [.copy("Fixtures")]),
    tests("NoemaRules", also: ["NoemaAttribution", "NoemaConcepts"], resources: [.copy("Fixtures")]),
    tests("NoemaReport"),
    .testTarget(
      name: "NoemaConformanceTests",
      dependencies: ["NoemaTensor", "NoemaConformance", "NoemaTestSupport", "ONNXSchema"],
      swiftSettings: strict),
    .testTarget(
      name: "NoemaCommandTests",
      dependencies: foundations + ["NoemaAttribution", "NoemaRules", "NoemaCommand", "NoemaTestSupport"],
      swiftSettings: strict),
  ]
)
