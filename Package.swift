// swift-tools-version: 6.2
import PackageDescription

/// scripts/fuzz sets it: everything is then watched by libFuzzer.
let isFuzzing = Context.environment["ONVM_FUZZ"] != nil

let swiftSettings: [SwiftSetting] = [
    .unsafeFlags(isFuzzing ? ["-sanitize=fuzzer"] : []),
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// A library target; the list below is in layer order, and a target depends on earlier ones only.
func library(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [], plugins: [Target.PluginUsage] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings, plugins: plugins)
}

/// A library of the data plane. It is optimised in debug builds, too, with its assertions on: what the tests count
/// (allocations) and how long they take is then what users get.
func dataPlane(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [], plugins: [Target.PluginUsage] = []
) -> Target {
    let optimised = SwiftSetting.unsafeFlags(
        ["-O", "-Xfrontend", "-assert-config", "-Xfrontend", "Debug"], .when(configuration: .debug))
    return .target(
        name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings + [optimised],
        plugins: plugins)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

/// A program that NFs run in: static, position-independent and with relocations that nobody writes any more. Each NF is
/// executed anew where there is no file system and so no dynamic loader. GNU gold cannot link such a program.
let networkFunctionProgram: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-executable", "-use-ld=lld", "-Xclang-linker", "-static-pie"]
            + ["-z", "relro", "-z", "now", "--wrap=_dl_relocate_static_pie"].flatMap { ["-Xlinker", $0] })
]

/// The fuzz targets: a test that replays their corpus, or, for scripts/fuzz, the libFuzzer program that grows it.
func fuzzing() -> Target {
    let dependencies: [Target.Dependency] = [
        "ControlAPI", "HTTP1", "Handover", "Linux", "Manager", "PacketHeaders", "TCPStack", "TestSupport",
    ]
    let path = "Tests/FuzzTests"
    guard isFuzzing else {
        return .testTarget(
            name: "FuzzTests", dependencies: dependencies, path: path, exclude: ["Corpus", "FuzzEntry.swift"],
            swiftSettings: swiftSettings)
    }
    return .executableTarget(
        name: "onvm-fuzz", dependencies: dependencies, path: path, exclude: ["Corpus", "CorpusTests.swift"],
        swiftSettings: swiftSettings,
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
}

let package = Package(
    name: "opennetvm-xdp",
    products: [
        .executable(name: "onvm", targets: ["onvm"]),
        .executable(name: "onvm-nf", targets: ["onvm-nf"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        // C edge: only what Glibc's module and the importer cannot give.
        .target(name: "CLinux"),
        .target(name: "CStaticPIE"),
        .systemLibrary(name: "CXDP", providers: [.apt(["libbpf-dev", "libxdp-dev", "libelf-dev", "zlib1g-dev"])]),
        .systemLibrary(name: "CBPFTypes", path: "bpf/include"),
        .plugin(name: "CompileBPF", capability: .buildTool(), dependencies: ["bpf-embed"], path: "bpf/plugin"),
        .executableTarget(name: "bpf-embed"),

        // Data plane: no Foundation, no concurrency runtime, no logging, no existentials.
        library("Linux", ["CLinux"]),
        library("BPF", ["Linux", "CXDP", "CBPFTypes"], plugins: ["CompileBPF"]),
        dataPlane("XSK", ["Linux", "CLinux"]),
        dataPlane("PacketHeaders"),
        dataPlane("TCPStack", ["PacketHeaders"], exclude: ["README.md"]),
        dataPlane("HTTP1"),
        dataPlane("Handover", ["Linux", "XSK"]),
        dataPlane("LogWriter", ["CLinux", "Handover", "Linux"]),
        dataPlane("NetworkFunction", ["CLinux", "Handover", "Linux", "PacketHeaders", "TCPStack", "XSK"]),
        dataPlane(
            "NetworkFunctions", ["CLinux", "HTTP1", "Linux", "NetworkFunction", "PacketHeaders", "TCPStack"],
            exclude: ["WebServer/README.md"]),

        // Control plane.
        library("ControlAPI"),
        library(
            "Manager",
            [
                "BPF", "CBPFTypes", "ControlAPI", "Handover", "Linux", "XSK", "Yams",
                .product(name: "Logging", package: "swift-log"),
            ]),

        // Executables, main only.
        .executableTarget(
            name: "onvm",
            dependencies: [
                "ControlAPI", "Manager",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "onvm-nf",
            dependencies: ["CStaticPIE", "Handover", "Linux", "LogWriter", "NetworkFunction", "NetworkFunctions"],
            swiftSettings: swiftSettings, linkerSettings: networkFunctionProgram),

        // Tests. The hostile NF is a program of its own that the system tests let a manager run.
        .executableTarget(
            name: "onvm-nf-hostile",
            dependencies: ["CLinux", "CStaticPIE", "Handover", "Linux", "NetworkFunction", "NetworkFunctions"],
            path: "Tests/HostileNF", swiftSettings: swiftSettings, linkerSettings: networkFunctionProgram),
        // A TCP end over AF_XDP without manager and steering, for the system tests that hold the stack against Linux's.
        .executableTarget(
            name: "onvm-tcp-peer",
            dependencies: [
                "BPF", "Handover", "Linux", "NetworkFunction", "PacketHeaders", "TCPStack", "XSK",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/TCPPeer",
            swiftSettings: swiftSettings),
        // Loops for scripts/tcp-cost; no other library beside it, or valgrind would have to read its debug information.
        .executableTarget(
            name: "tcp-cost", dependencies: ["PacketHeaders", "TCPStack", "TestSupport"], path: "Tests/TCPCost",
            swiftSettings: swiftSettings, linkerSettings: [.unsafeFlags(["-static-stdlib"])]),
        .target(name: "CAllocationCounter"),
        .target(name: "CTrials", path: "Tests/CTrials"),
        library("TestSupport", ["CLinux", "Linux", "PacketHeaders", "TCPStack", "XSK"]),
        tests("LinuxTests", ["CLinux", "Linux", "TestSupport"]),
        tests("HandoverTests", ["Handover", "Linux", "TestSupport", "XSK"]),
        tests("LogWriterTests", ["Handover", "LogWriter"]),
        tests("XSKTests", ["TestSupport", "XSK"]),
        tests("PacketHeadersTests", ["PacketHeaders", "TCPStack", "TestSupport"]),
        tests(
            "TCPStackTests", ["CAllocationCounter", "CBPFTypes", "PacketHeaders", "TCPStack", "TestSupport"],
            exclude: ["Goodput.txt"]),
        tests("HTTP1Tests", ["HTTP1"]),
        tests(
            "NetworkFunctionTests",
            [
                "CAllocationCounter", "CLinux", "CTrials", "Handover", "Linux", "NetworkFunction", "PacketHeaders",
                "TCPStack", "TestSupport", "XSK",
            ]),
        tests(
            "NetworkFunctionsTests",
            ["CAllocationCounter", "HTTP1", "NetworkFunction", "NetworkFunctions", "PacketHeaders", "TCPStack"]),
        tests(
            "ManagerTests",
            [
                "ControlAPI", "Handover", "Linux", "Manager", "TCPStack", "XSK",
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests("CommandTests", ["ControlAPI", "Handover", "Linux", "Manager", "XSK", "onvm"]),
        tests(
            "KernelTests",
            [
                "BPF", "CBPFTypes", "CLinux", "Linux", "Manager", "PacketHeaders", "TCPStack", "TestSupport", "XSK",
                .product(name: "Logging", package: "swift-log"),
            ]),
        fuzzing(),
    ]
)
