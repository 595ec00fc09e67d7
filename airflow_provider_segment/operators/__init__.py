"""All operators in one place: ``from airflow_provider_segment.operators import SegmentCreateSourceOperator``.

An operator's module is imported when the operator is first asked for.
"""

# ruff: noqa: F403  (the star imports are for editors and type checkers)

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_segment.lazy import lazy_names

if TYPE_CHECKING:
    from airflow_provider_segment.operators.activations import *
    from airflow_provider_segment.operators.api_calls import *
    from airflow_provider_segment.operators.audience_jobs import *
    from airflow_provider_segment.operators.audiences import *
    from airflow_provider_segment.operators.audit_trail import *
    from airflow_provider_segment.operators.catalog import *
    from airflow_provider_segment.operators.computed_traits import *
    from airflow_provider_segment.operators.credentials import *
    from airflow_provider_segment.operators.customer_insights import *
    from airflow_provider_segment.operators.dbt import *
    from airflow_provider_segment.operators.dbt_jobs import *
    from airflow_provider_segment.operators.deletion_and_suppression import *
    from airflow_provider_segment.operators.deletion_and_suppression_jobs import *
    from airflow_provider_segment.operators.delivery_overview import *
    from airflow_provider_segment.operators.destination_filters import *
    from airflow_provider_segment.operators.destinations import *
    from airflow_provider_segment.operators.event_volume import *
    from airflow_provider_segment.operators.events import *
    from airflow_provider_segment.operators.function_jobs import *
    from airflow_provider_segment.operators.functions import *
    from airflow_provider_segment.operators.iam_groups import *
    from airflow_provider_segment.operators.iam_roles import *
    from airflow_provider_segment.operators.iam_users import *
    from airflow_provider_segment.operators.labels import *
    from airflow_provider_segment.operators.live_plugins import *
    from airflow_provider_segment.operators.monthly_tracked_users import *
    from airflow_provider_segment.operators.profiles import *
    from airflow_provider_segment.operators.profiles_sync import *
    from airflow_provider_segment.operators.request import *
    from airflow_provider_segment.operators.reverse_etl import *
    from airflow_provider_segment.operators.reverse_etl_jobs import *
    from airflow_provider_segment.operators.selective_sync import *
    from airflow_provider_segment.operators.sources import *
    from airflow_provider_segment.operators.space_filters import *
    from airflow_provider_segment.operators.space_schema import *
    from airflow_provider_segment.operators.spaces import *
    from airflow_provider_segment.operators.testing import *
    from airflow_provider_segment.operators.tracking_plans import *
    from airflow_provider_segment.operators.transformations import *
    from airflow_provider_segment.operators.warehouses import *
    from airflow_provider_segment.operators.workspaces import *
    from airflow_provider_segment.operators.write_key_jobs import *

OPERATORS_OF_MODULE = {
    "activations": [
        "SegmentAddActivationToAudienceOperator",
        "SegmentAddDestinationToAudienceOperator",
        "SegmentGetActivationFromAudienceOperator",
        "SegmentListActivationsFromAudienceOperator",
        "SegmentListDestinationsFromAudienceOperator",
        "SegmentListSupportedDestinationsFromAudienceOperator",
        "SegmentRemoveActivationFromAudienceOperator",
        "SegmentRemoveDestinationFromAudienceOperator",
        "SegmentUpdateActivationForAudienceOperator",
        "SegmentUpdateDestinationForAudienceOperator",
    ],
    "api_calls": [
        "SegmentGetDailyPerSourceApiCallsUsageOperator",
        "SegmentGetDailyWorkspaceApiCallsUsageOperator",
    ],
    "audiences": [
        "SegmentAddAudienceScheduleToAudienceOperator",
        "SegmentCreateAudienceOperator",
        "SegmentCreateAudiencePreviewOperator",
        "SegmentForceExecuteAudienceRunOperator",
        "SegmentGetAudienceOperator",
        "SegmentGetAudiencePreviewOperator",
        "SegmentGetAudienceScheduleFromSpaceAndAudienceOperator",
        "SegmentListAudienceConsumersFromSpaceAndAudienceOperator",
        "SegmentListAudienceSchedulesFromSpaceAndAudienceOperator",
        "SegmentListAudiencesOperator",
        "SegmentRemoveAudienceFromSpaceOperator",
        "SegmentRemoveAudienceScheduleFromAudienceOperator",
        "SegmentUpdateAudienceForSpaceOperator",
        "SegmentUpdateAudienceScheduleForAudienceOperator",
    ],
    "audit_trail": [
        "SegmentListAuditEventsOperator",
    ],
    "catalog": [
        "SegmentGetDestinationMetadataOperator",
        "SegmentGetDestinationsCatalogOperator",
        "SegmentGetSourceMetadataOperator",
        "SegmentGetSourcesCatalogOperator",
        "SegmentGetWarehouseMetadataOperator",
        "SegmentGetWarehousesCatalogOperator",
    ],
    "computed_traits": [
        "SegmentCreateComputedTraitOperator",
        "SegmentGetComputedTraitOperator",
        "SegmentListComputedTraitsOperator",
        "SegmentRemoveComputedTraitFromSpaceOperator",
        "SegmentUpdateComputedTraitForSpaceOperator",
    ],
    "credentials": [
        "SegmentCreateCredentialOperator",
        "SegmentDeleteCredentialOperator",
        "SegmentGetCredentialOperator",
        "SegmentListCredentialConsumersOperator",
        "SegmentListCredentialsOperator",
        "SegmentUpdateCredentialOperator",
    ],
    "customer_insights": [
        "SegmentCreateDownloadOperator",
    ],
    "dbt": [
        "SegmentCreateDbtModelSyncTriggerOperator",
    ],
    "deletion_and_suppression": [
        "SegmentCreateCloudSourceRegulationOperator",
        "SegmentCreateSourceRegulationOperator",
        "SegmentCreateWorkspaceRegulationOperator",
        "SegmentGetRegulationOperator",
        "SegmentListRegulationsFromSourceOperator",
        "SegmentListSuppressionsOperator",
        "SegmentListWorkspaceRegulationsOperator",
    ],
    "delivery_overview": [
        "SegmentGetEgressFailedMetricsFromDeliveryOverviewOperator",
        "SegmentGetEgressSuccessMetricsFromDeliveryOverviewOperator",
        "SegmentGetFilteredAtDestinationMetricsFromDeliveryOverviewOperator",
        "SegmentGetFilteredAtSourceMetricsFromDeliveryOverviewOperator",
        "SegmentGetIngressFailedMetricsFromDeliveryOverviewOperator",
        "SegmentGetIngressSuccessMetricsFromDeliveryOverviewOperator",
    ],
    "destination_filters": [
        "SegmentCreateFilterForDestinationOperator",
        "SegmentGetFilterInDestinationOperator",
        "SegmentListFiltersFromDestinationOperator",
        "SegmentPreviewDestinationFilterOperator",
        "SegmentRemoveFilterFromDestinationOperator",
        "SegmentUpdateFilterForDestinationOperator",
    ],
    "destinations": [
        "SegmentCreateDestinationOperator",
        "SegmentCreateDestinationSubscriptionOperator",
        "SegmentDeleteDestinationOperator",
        "SegmentGetDestinationOperator",
        "SegmentGetSubscriptionFromDestinationOperator",
        "SegmentListDeliveryMetricsSummaryFromDestinationOperator",
        "SegmentListDestinationsOperator",
        "SegmentListSubscriptionsFromDestinationOperator",
        "SegmentRemoveSubscriptionFromDestinationOperator",
        "SegmentUpdateDestinationOperator",
        "SegmentUpdateSubscriptionForDestinationOperator",
    ],
    "event_volume": [
        "SegmentGetEventsVolumeFromWorkspaceOperator",
    ],
    "events": [
        "SegmentAliasOperator",
        "SegmentBatchEventsOperator",
        "SegmentGroupOperator",
        "SegmentIdentifyOperator",
        "SegmentPageOperator",
        "SegmentScreenOperator",
        "SegmentTrackEventOperator",
        "SegmentTrackOperator",
    ],
    "functions": [
        "SegmentCreateFunctionDeploymentOperator",
        "SegmentCreateFunctionOperator",
        "SegmentCreateInsertFunctionInstanceOperator",
        "SegmentDeleteFunctionOperator",
        "SegmentDeleteInsertFunctionInstanceOperator",
        "SegmentGetFunctionOperator",
        "SegmentGetFunctionVersionOperator",
        "SegmentGetInsertFunctionInstanceOperator",
        "SegmentListFunctionVersionsOperator",
        "SegmentListFunctionsOperator",
        "SegmentListInsertFunctionInstancesOperator",
        "SegmentRestoreFunctionVersionOperator",
        "SegmentUpdateFunctionOperator",
        "SegmentUpdateInsertFunctionInstanceOperator",
    ],
    "iam_groups": [
        "SegmentAddPermissionsToUserGroupOperator",
        "SegmentAddUsersToUserGroupOperator",
        "SegmentCreateUserGroupOperator",
        "SegmentDeleteUserGroupOperator",
        "SegmentGetUserGroupOperator",
        "SegmentListInvitesFromUserGroupOperator",
        "SegmentListUserGroupsOperator",
        "SegmentListUsersFromUserGroupOperator",
        "SegmentRemoveUsersFromUserGroupOperator",
        "SegmentReplacePermissionsForUserGroupOperator",
        "SegmentReplaceUsersInUserGroupOperator",
        "SegmentUpdateUserGroupOperator",
    ],
    "iam_roles": [
        "SegmentListRolesOperator",
    ],
    "iam_users": [
        "SegmentAddPermissionsToUserOperator",
        "SegmentCreateInvitesOperator",
        "SegmentDeleteInvitesOperator",
        "SegmentDeleteUsersOperator",
        "SegmentGetUserOperator",
        "SegmentListInvitesOperator",
        "SegmentListUserGroupsFromUserOperator",
        "SegmentListUsersOperator",
        "SegmentReplacePermissionsForUserOperator",
    ],
    "labels": [
        "SegmentCreateLabelOperator",
        "SegmentDeleteLabelOperator",
        "SegmentListLabelsOperator",
    ],
    "live_plugins": [
        "SegmentCreateLivePluginOperator",
        "SegmentDeleteLivePluginCodeOperator",
        "SegmentGetLatestFromLivePluginsOperator",
    ],
    "monthly_tracked_users": [
        "SegmentGetDailyPerSourceMtuUsageOperator",
        "SegmentGetDailyWorkspaceMtuUsageOperator",
    ],
    "profiles": [
        "SegmentGetProfileEventsOperator",
        "SegmentGetProfileExternalIdsOperator",
        "SegmentGetProfileLinksOperator",
        "SegmentGetProfileMetadataOperator",
        "SegmentGetProfileTraitsOperator",
    ],
    "profiles_sync": [
        "SegmentCreateProfilesWarehouseOperator",
        "SegmentListProfilesWarehouseInSpaceOperator",
        "SegmentListSelectiveSyncsFromWarehouseAndSpaceOperator",
        "SegmentRemoveProfilesWarehouseFromSpaceOperator",
        "SegmentUpdateProfilesWarehouseForSpaceWarehouseOperator",
        "SegmentUpdateSelectiveSyncForWarehouseAndSpaceOperator",
    ],
    "request": [
        "SegmentRequestOperator",
    ],
    "reverse_etl": [
        "SegmentCancelReverseEtlSyncForModelOperator",
        "SegmentCreateReverseEtlManualSyncOperator",
        "SegmentCreateReverseEtlModelOperator",
        "SegmentDeleteReverseEtlModelOperator",
        "SegmentGetReverseEtlModelOperator",
        "SegmentGetReverseEtlSyncStatusOperator",
        "SegmentListReverseEtlModelsOperator",
        "SegmentListReverseEtlSyncStatusesFromModelAndSubscriptionIdOperator",
        "SegmentUpdateReverseEtlModelOperator",
    ],
    "audience_jobs": [
        "SegmentPreviewAudienceOperator",
        "SegmentRunAudienceOperator",
    ],
    "dbt_jobs": [
        "SegmentTriggerDbtSyncOperator",
    ],
    "deletion_and_suppression_jobs": [
        "SegmentDeleteUsersDataOperator",
    ],
    "function_jobs": [
        "SegmentDeployFunctionOperator",
    ],
    "write_key_jobs": [
        "SegmentRotateWriteKeyOperator",
    ],
    "reverse_etl_jobs": [
        "SegmentRunReverseEtlSyncOperator",
    ],
    "selective_sync": [
        "SegmentGetAdvancedSyncScheduleFromWarehouseOperator",
        "SegmentListSelectiveSyncsFromWarehouseAndSourceOperator",
        "SegmentListSyncsFromWarehouseAndSourceOperator",
        "SegmentListSyncsFromWarehouseOperator",
        "SegmentReplaceAdvancedSyncScheduleForWarehouseOperator",
        "SegmentUpdateSelectiveSyncForWarehouseOperator",
    ],
    "sources": [
        "SegmentAddLabelsToSourceOperator",
        "SegmentCreateSourceOperator",
        "SegmentCreateWriteKeyForSourceOperator",
        "SegmentDeleteSourceOperator",
        "SegmentGetSourceOperator",
        "SegmentListConnectedDestinationsFromSourceOperator",
        "SegmentListConnectedWarehousesFromSourceOperator",
        "SegmentListSchemaSettingsInSourceOperator",
        "SegmentListSourcesOperator",
        "SegmentRemoveWriteKeyFromSourceOperator",
        "SegmentReplaceLabelsInSourceOperator",
        "SegmentUpdateSchemaSettingsInSourceOperator",
        "SegmentUpdateSourceOperator",
    ],
    "space_filters": [
        "SegmentCreateFilterForSpaceOperator",
        "SegmentDeleteFilterByIdOperator",
        "SegmentGetFilterByIdOperator",
        "SegmentListFiltersForSpaceOperator",
        "SegmentUpdateFilterByIdOperator",
    ],
    "space_schema": [
        "SegmentListEntityPathsOperator",
        "SegmentListEventsOperator",
        "SegmentListPropertiesFromEntityOperator",
        "SegmentListPropertiesFromEventOperator",
        "SegmentListSampleValuesFromEntityPropertyOperator",
        "SegmentListSampleValuesFromEventPropertyOperator",
        "SegmentListSampleValuesFromTraitOperator",
        "SegmentListTraitsOperator",
    ],
    "spaces": [
        "SegmentBatchQueryMessagingSubscriptionsForSpaceOperator",
        "SegmentGetSpaceOperator",
        "SegmentListSpacesOperator",
        "SegmentReplaceMessagingSubscriptionsInSpacesOperator",
    ],
    "testing": [
        "SegmentEchoOperator",
    ],
    "tracking_plans": [
        "SegmentAddSourceToTrackingPlanOperator",
        "SegmentCreateTrackingPlanOperator",
        "SegmentDeleteTrackingPlanOperator",
        "SegmentGetTrackingPlanOperator",
        "SegmentListRulesFromTrackingPlanOperator",
        "SegmentListSourcesFromTrackingPlanOperator",
        "SegmentListTrackingPlansOperator",
        "SegmentRemoveRulesFromTrackingPlanOperator",
        "SegmentRemoveSourceFromTrackingPlanOperator",
        "SegmentReplaceRulesInTrackingPlanOperator",
        "SegmentUpdateRulesInTrackingPlanOperator",
        "SegmentUpdateTrackingPlanOperator",
    ],
    "transformations": [
        "SegmentCreateTransformationOperator",
        "SegmentDeleteTransformationOperator",
        "SegmentGetTransformationOperator",
        "SegmentListTransformationsOperator",
        "SegmentUpdateTransformationOperator",
    ],
    "warehouses": [
        "SegmentAddConnectionFromSourceToWarehouseOperator",
        "SegmentCreateValidationInWarehouseOperator",
        "SegmentCreateWarehouseOperator",
        "SegmentDeleteWarehouseOperator",
        "SegmentGetConnectionStateFromWarehouseOperator",
        "SegmentGetWarehouseOperator",
        "SegmentListConnectedSourcesFromWarehouseOperator",
        "SegmentListWarehousesOperator",
        "SegmentRemoveSourceConnectionFromWarehouseOperator",
        "SegmentUpdateWarehouseOperator",
    ],
    "workspaces": [
        "SegmentGetWorkspaceOperator",
    ],
}


if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, OPERATORS_OF_MODULE)
