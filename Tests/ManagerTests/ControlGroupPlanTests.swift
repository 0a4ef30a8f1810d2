import Linux
import Testing

@testable import Manager

@Suite struct ControlGroupPlanTests {
    private static let root = ControlGroupHierarchy(
        version: .v2, controllers: [], mountPoint: "/cg", ownPath: "/cg/user/session")

    private func plan(
        _ hierarchies: [ControlGroupHierarchy], _ files: [String: String] = [:]
    ) -> ControlGroupPlan {
        ControlGroupPlan.make(instance: "web", hierarchies, pid: 42) { files[$0] }
    }

    @Test func version1HasGroupsBesideTheManagerInEachTree() {
        let hierarchies = [
            ControlGroupHierarchy(version: .v1, controllers: ["cpu", "cpuacct"], mountPoint: "/cg/cpu", ownPath: "/cg/cpu"),
            ControlGroupHierarchy(version: .v1, controllers: ["memory"], mountPoint: "/cg/m", ownPath: "/cg/m/a/b"),
            ControlGroupHierarchy(version: .v1, controllers: ["pids"], mountPoint: "/cg/pids", ownPath: "/cg/pids"),
            ControlGroupHierarchy(version: .v1, controllers: ["name=systemd"], mountPoint: "/cg/s", ownPath: "/cg/s"),
            ControlGroupHierarchy(version: .v2, controllers: [], mountPoint: "/cg/u", ownPath: "/cg/u"),
        ]
        let plan = plan(hierarchies)
        #expect(plan.trees.map(\.parent) == ["/cg/cpu", "/cg/m/a/b", "/cg/pids"])
        #expect(plan.trees.map(\.controllers) == [["cpu"], ["memory"], ["pids"]])
        #expect(plan.trees.allSatisfy { !$0.isUnified && $0.prefix == "onvm-web" && $0.turnedOn.isEmpty })
        // In the tree of the CPU the manager would count no more than one of its NFs.
        #expect(plan.trees.map(\.managerPath) == ["/cg/cpu/onvm-web-manager", nil, nil])
        #expect(plan.missing.isEmpty)
    }

    @Test func version2GoesToTheRootWhenTheManagerIsNotAlone() {
        let plan = plan(
            [Self.root],
            [
                "/cg/cgroup.controllers": "cpuset cpu io memory pids", "/cg/cgroup.subtree_control": "memory pids",
                "/cg/user/session/cgroup.type": "domain", "/cg/user/session/cgroup.procs": "41\n42\n",
                "/cg/user/session/cgroup.controllers": "cpu memory pids",
            ])
        #expect(
            plan.trees == [
                ControlGroupPlan.Tree(
                    isUnified: true, controllers: ["cpu", "memory", "pids"], parent: "/cg", prefix: "onvm-web",
                    managerPath: nil, turnedOn: ["cpu"])
            ])
        #expect(plan.missing.isEmpty)
    }

    @Test func version2StaysInTheManagersOwnGroupWhenItIsGivenOne() {
        let plan = plan(
            [Self.root],
            [
                "/cg/cgroup.controllers": "cpu memory pids", "/cg/cgroup.subtree_control": "cpu memory pids",
                "/cg/user/session/cgroup.type": "domain", "/cg/user/session/cgroup.procs": "42\n",
                "/cg/user/session/cgroup.controllers": "cpu memory pids", "/cg/user/session/cgroup.subtree_control": "",
            ])
        #expect(
            plan.trees == [
                ControlGroupPlan.Tree(
                    isUnified: true, controllers: ["cpu", "memory", "pids"], parent: "/cg/user/session",
                    prefix: "onvm-web", managerPath: "/cg/user/session/onvm-web-manager",
                    turnedOn: ["cpu", "memory", "pids"])
            ])
    }

    @Test func aContainerThatWasGivenNoneSaysWhy() {
        let namespace = ControlGroupHierarchy(version: .v2, controllers: [], mountPoint: "/cg", ownPath: "/cg")
        var files = [
            "/cg/cgroup.type": "domain", "/cg/cgroup.controllers": "memory pids", "/cg/cgroup.procs": "1\n42\n",
        ]
        let lacking = plan([namespace], files)
        #expect(lacking.trees.isEmpty)
        #expect(Set(lacking.missing.keys) == ["cpu", "memory", "pids"])
        #expect(lacking.missing["cpu"]?.contains("Delegate=yes") == true)
        files["/cg/cgroup.controllers"] = "cpu memory pids"
        #expect(plan([namespace], files).missing["cpu"]?.contains("other processes are in /cg") == true)
    }

    @Test func aControllerThatIsNowhereIsMissed() {
        let memory = ControlGroupHierarchy(version: .v1, controllers: ["memory"], mountPoint: "/m", ownPath: "/m")
        let hybrid = ControlGroupHierarchy(version: .v2, controllers: [], mountPoint: "/u", ownPath: "/u")
        let plan = plan([memory, hybrid], ["/u/cgroup.controllers": "pids"])
        #expect(plan.trees.map(\.controllers) == [["memory"], ["pids"]])
        #expect(plan.trees.map(\.isUnified) == [false, true])
        #expect(plan.missing == ["cpu": "this kernel's cgroups do not have it"])
        #expect(self.plan([]).missing["memory"] == "no cgroup file system is mounted")
    }

    @Test func whatIsNoGroupOfOursIsNotRemoved() {
        for (parent, prefix) in [("/tmp", "onvm-x"), ("/sys/fs/cgroup/cpu", "system"), ("/sys/fs/cgroup/cpu", "onvm-x/..")] {
            let tree = ControlGroupPlan.Tree(isUnified: false, controllers: ["cpu"], parent: parent, prefix: prefix)
            #expect(!DomainGroups.remove(tree) { Issue.record("\($0)") })
        }
    }
}
