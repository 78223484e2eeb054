//! From a plan to a schedule.

use super::order::{self, Links};
use super::ready::Ready;
use super::task::Task;
use super::{Counts, Rules, Schedule, ScheduleError, Stage, Unit, Worker};
use crate::run::plan::{Isolation, Past, Plan, TestIndex};
use crate::run::report::Status;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

impl Schedule {
    /// `past` is by test; what is missing is not known.
    pub fn new(plan: &Plan, past: &[Past]) -> Result<Schedule, ScheduleError> {
        check(plan)?;
        let (group_of, groups) = number(plan);
        let unit_of = if plan.grouped { group_of.clone() } else { (0..plan.tests.len()).collect() };
        let links = Links::new(plan);
        let order = order::linear(plan, &links, &unit_of)?;
        let mut ready = Ready::new(plan.limits.values().copied());
        let tests = tasks(plan, past, &group_of, &unit_of, &links, &mut ready);
        let rules = plan.settings.iter().map(|settings| Rules {
            retries: settings.retries,
            priority: settings.priority,
            slots: settings.slots.min(plan.workers),
        });
        let rules: Vec<Rules> = rules.collect();
        let ids = plan.tests.iter().flat_map(|test| &test.depends_on);
        Ok(Schedule {
            units: units(&tests, &rules, &order),
            by_rank: Vec::new(),
            dependents: links.dependents,
            ids: ids.map(|&test| (test, plan.tests[test].id.clone())).collect(),
            groups,
            workers: (0..plan.workers).map(|_| Worker::default()).collect(),
            ready,
            delayed: BTreeSet::new(),
            grouped: plan.grouped,
            clings: plan.isolation == Isolation::Group && !plan.grouped,
            slots: plan.workers,
            slots_taken: 0,
            running: 0,
            min_free_memory: plan.min_free_memory,
            max_failures: plan.max_failures,
            begun: false,
            stopped: None,
            claim: None,
            settled: Vec::new(),
            counts: Counts::new(),
            left: tests.len(),
            rules,
            tests,
        })
    }

    /// The cache has it: to be said before the first [`Schedule::next`], later it is not heard.
    pub fn cached(&mut self, test: TestIndex) {
        if !self.begun && self.tests.get(test).is_some_and(|task| task.status.is_none()) {
            self.settle(test, Status::Cached, None);
        }
    }

    /// Ranks the units by what of them is to be run, the first time.
    pub(super) fn begin(&mut self) {
        if self.begun {
            return;
        }
        self.begun = true;
        let mut by_rank: Vec<usize> = (0..self.units.len()).collect();
        by_rank.sort_by_cached_key(|&unit| self.preference(unit));
        for (rank, &unit) in by_rank.iter().enumerate() {
            self.units[unit].rank = rank;
        }
        self.by_rank = by_rank;
        if self.stopped.is_none() {
            (0..self.units.len()).for_each(|unit| self.offer(unit));
        }
    }

    /// What comes first is least: the highest priority, what failed before, what takes longest, what was listed first.
    fn preference(&self, unit: usize) -> impl Ord + use<> {
        let tasks = self.units[unit].tests.iter().map(|&test| &self.tests[test]);
        let (mut failed, mut duration) = (false, 0_u64);
        for task in tasks.filter(|task| task.status.is_none()) {
            failed |= task.failed_before;
            duration = duration.saturating_add(task.expected);
        }
        (Reverse(self.units[unit].priority), Reverse(failed), Reverse(duration), unit)
    }
}

/// What JavaScript is to have seen to, but for limits.
fn check(plan: &Plan) -> Result<(), ScheduleError> {
    if plan.workers == 0 {
        return Err(ScheduleError::NoWorkers);
    }
    for test in &plan.tests {
        let dangling = |what, index, count| ScheduleError::Dangling { test: test.id.clone(), what, index, count };
        let Some(settings) = plan.settings.get(test.settings) else {
            return Err(dangling("settings", test.settings, plan.settings.len()));
        };
        if let Some(&index) = test.depends_on.iter().find(|&&index| index >= plan.tests.len()) {
            return Err(dangling("dependency", index, plan.tests.len()));
        }
        let mut names = settings.limits.iter().chain([&test.group]);
        if let Some(limit) = names.find(|&name| plan.limits.get(name) == Some(&0)) {
            return Err(ScheduleError::ZeroLimit { limit: limit.clone(), test: test.id.clone() });
        }
    }
    Ok(())
}

/// The group of each test, and how many tests each group has. Groups are numbered as they are first listed.
fn number(plan: &Plan) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut sizes = Vec::new();
    let mut number_of = |group| {
        let number = *numbers.entry(group).or_insert(sizes.len());
        sizes.resize(sizes.len().max(number + 1), 0);
        sizes[number] += 1;
        number
    };
    let group_of = plan.tests.iter().map(|test| number_of(&test.group)).collect();
    (group_of, sizes)
}

fn tasks(
    plan: &Plan,
    past: &[Past],
    group_of: &[usize],
    unit_of: &[usize],
    links: &Links,
    ready: &mut Ready,
) -> Vec<Task> {
    let places: HashMap<&str, usize> = plan.limits.keys().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let expected = order::expected(plan.tests.len(), past);
    let mut sets = HashMap::new();
    let mut tasks = Vec::with_capacity(plan.tests.len());
    for (index, test) in plan.tests.iter().enumerate() {
        let set = *sets.entry((test.settings, group_of[index])).or_insert_with(|| {
            let names = plan.settings[test.settings].limits.iter().chain([&test.group]);
            ready.set(names.filter_map(|name| places.get(name.as_str()).copied()).collect())
        });
        tasks.push(Task {
            unit: unit_of[index],
            group: group_of[index],
            settings: test.settings,
            set,
            expected: expected[index],
            failed_before: past.get(index).is_some_and(|past| past.failed),
            blockers: links.counts[index],
            attempts: 0,
            status: None,
            defeat: None,
            defeats: 0,
            lost: 0,
        });
    }
    tasks
}

fn units(tests: &[Task], rules: &[Rules], order: &[TestIndex]) -> Vec<Unit> {
    let count = tests.iter().map(|task| task.unit + 1).max().unwrap_or(0);
    let empty = || Unit { tests: Vec::new(), done: 0, stage: Stage::Blocked, owner: None, priority: i32::MIN, rank: 0 };
    let mut units: Vec<Unit> = std::iter::repeat_with(empty).take(count).collect();
    for &test in order {
        let unit = &mut units[tests[test].unit];
        unit.tests.push(test);
        unit.priority = unit.priority.max(rules[tests[test].settings].priority);
    }
    units
}
