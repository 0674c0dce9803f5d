package stories

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// A team's deployment "<story>" with versions of the same workflows: what is pinned stays, what upgrades goes along.

func options(name string, behavior workflow.VersioningBehavior) workflow.RegisterOptions {
	return workflow.RegisterOptions{Name: name, VersioningBehavior: behavior}
}

func here(ctx workflow.Context) (build string, err error) {
	err = workflow.ExecuteActivity(activities(ctx), "here").Get(ctx, &build)
	return build, err
}

// survey is where it begins and where it ends.
func survey(ctx workflow.Context) ([]string, error) {
	first, err := here(ctx)
	if err != nil {
		return nil, err
	}
	workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
	last, err := here(ctx)
	return []string{first, last}, err
}

// upgradingSurvey is the same with another behavior, which the SDK keeps by function.
func upgradingSurvey(ctx workflow.Context) ([]string, error) { return survey(ctx) }

// archive never ends; it goes on as new when its team has a new version, on that.
func archive(ctx workflow.Context, places []string) error {
	place, err := here(ctx)
	if err != nil {
		return err
	}
	places = append(places, place)
	if err := workflow.SetQueryHandler(ctx, "places", func() ([]string, error) { return places, nil }); err != nil {
		return err
	}
	for {
		workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
		if workflow.GetInfo(ctx).GetTargetWorkerDeploymentVersionChanged() {
			upgrade := workflow.ContinueAsNewErrorOptions{
				InitialVersioningBehavior: workflow.ContinueAsNewVersioningBehaviorAutoUpgrade,
			}
			return workflow.NewContinueAsNewErrorWithOptions(ctx, upgrade, "archive", places)
		}
	}
}

// team is the deployment of a story.
type team struct {
	*story
	client.WorkerDeploymentHandle
}

func (s *story) team() team {
	return team{s, s.WorkerDeploymentClient().GetHandle(s.Name())}
}

func (t team) version(build string) worker.WorkerDeploymentVersion {
	return worker.WorkerDeploymentVersion{DeploymentName: t.Name(), BuildID: build}
}

// joins runs a worker of a version until the story ends.
func (t team) joins(build string) {
	w := worker.New(t.Client, t.queue, worker.Options{
		DeploymentOptions: worker.DeploymentOptions{UseVersioning: true, Version: t.version(build)},
	})
	w.RegisterWorkflowWithOptions(survey, options("survey", workflow.VersioningBehaviorPinned))
	w.RegisterWorkflowWithOptions(upgradingSurvey, options("upgrading survey", workflow.VersioningBehaviorAutoUpgrade))
	w.RegisterWorkflowWithOptions(archive, options("archive", workflow.VersioningBehaviorPinned))
	w.RegisterActivityWithOptions(func(context.Context) (string, error) { return build, nil }, activity.RegisterOptions{Name: "here"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

// becomesCurrent waits until the version's first polls have made it known, and then until all of its queues know.
func (t team) becomesCurrent(build string) {
	t.eventually(func() bool {
		_, err := t.SetCurrentVersion(t.ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		return err == nil
	})
	t.eventually(func() bool {
		run := t.start("upgrading survey")
		t.signal(run, "go on", nil)
		return result[[]string](t.story, run)[0] == build
	})
}

func (t team) begins(workflow string, args ...any) client.WorkflowRun {
	run := t.start(workflow, args...)
	t.eventually(func() bool {
		events := t.events(run)
		return events[len(events)-1] == "WorkflowTaskCompleted" && len(events) > 9
	})
	return run
}

func TestWorkflowsFollowTheirTeamOrStay(t *testing.T) {
	team := tell(t).team()
	team.joins("v1")
	team.becomesCurrent("v1")
	stays, goes, never := team.begins("survey"), team.begins("upgrading survey"), team.begins("archive", []string{})
	moved := team.begins("survey")

	team.joins("v2")
	team.eventually(func() bool { // its first polls make it known
		ramp := client.WorkerDeploymentSetRampingVersionOptions{BuildID: "v2", Percentage: 25}
		_, err := team.SetRampingVersion(team.ctx, ramp)
		return err == nil
	})
	described, err := team.Describe(team.ctx, client.WorkerDeploymentDescribeOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 25, described.Info.RoutingConfig.RampingVersionPercentage)
	require.Equal(t, "v2", described.Info.RoutingConfig.RampingVersion.BuildID)
	team.becomesCurrent("v2")

	team.signal(stays, "go on", nil)
	require.Equal(t, []string{"v1", "v1"}, result[[]string](team.story, stays))
	team.signal(goes, "go on", nil)
	require.Equal(t, []string{"v1", "v2"}, result[[]string](team.story, goes))

	team.signal(never, "go on", nil)
	team.eventually(func() bool {
		answer, err := team.QueryWorkflow(team.ctx, never.GetID(), "", "places")
		var places []string
		return err == nil && answer.Get(&places) == nil && len(places) == 2 && places[1] == "v2"
	})

	_, err = team.UpdateWorkflowExecutionOptions(team.ctx, client.UpdateWorkflowExecutionOptionsRequest{
		WorkflowId: moved.GetID(),
		WorkflowExecutionOptionsChanges: client.WorkflowExecutionOptionsChanges{
			VersioningOverride: &client.VersioningOverrideChange{
				Value: &client.PinnedVersioningOverride{Version: team.version("v2")},
			},
		},
	})
	require.NoError(t, err)
	team.signal(moved, "go on", nil)
	require.Equal(t, []string{"v1", "v2"}, result[[]string](team.story, moved))

	version, err := team.DescribeVersion(team.ctx, client.WorkerDeploymentDescribeVersionOptions{BuildID: "v1"})
	require.NoError(t, err)
	require.NotNil(t, version.Info.DrainageInfo)
	require.WithinDuration(t, time.Now(), version.Info.DrainageInfo.LastChangedTime, time.Minute)
}
